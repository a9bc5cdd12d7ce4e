"""Releases in the manner of real ones: configured, filled in, rendered, and the same again with what was drawn."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from harness import releases
from harness.charts import helm
from kotsapp.images.routing import Domains
from kotsapp.images.unhandled import find_unhandled
from kotsapp.release import helm as runner
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.config_result import ConfigIncompleteError
from kotsapp.release.config_values import Answers
from kotsapp.release.context import ReleaseVersion, TemplateContext
from kotsapp.release.filler import Filling
from kotsapp.release.filling import Drawn
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, read_release

RELEASES = releases.NAMES
# What an operator makes pods of, by its custom resource and by default: it looks like an image, and is one.
DB = "quay.io/my-org/db:14"
LOOK_LIKE_IMAGES = {("Cluster/main", DB), ("Deployment/db-operator", DB)}
FIELDS = {
    "customerName": "Acme",
    "licenseType": "prod",
    "licenseID": "the-license-id",
    "seats": "25",
    "plan": "Top Plan",
    "expires_at": "2030-01-01T00:00:00Z",
    "isAirgapSupported": "false",
}


def context(application: Application) -> TemplateContext:
    domains = Domains(application.proxy_domain or "proxy.replicated.com")
    version = ReleaseVersion(sequence=3, channel_name="Stable", version_label="1.2.3")
    return TemplateContext(FIELDS, "e30=", "my-app-registry", "apps", domains, version=version)


def rendered(name: str, kept: Drawn | None = None, **answers: Any) -> Release:
    files = [SourceFile(file, file, data) for file, data in releases.release(name).items()]
    given = Answers({**releases.ANSWERS.get(name, {}), **answers})
    release = read_release(files, context, filling=Filling(given, kept or Drawn(), helm))
    return with_charts(release, runner.render_all(release.charts, helm(), "apps"))


def by_name(release: Release) -> dict[str, Any]:
    return {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in release.objects}


@pytest.mark.parametrize("name", RELEASES)
def test_every_release_is_rendered_and_the_same_again_with_what_was_drawn(name: str) -> None:
    first = rendered(name)
    assert first.objects
    assert "{{repl" not in yaml.safe_dump([dict(obj) for obj in first.objects])
    assert [warning for warning in first.warnings if "never applied" not in warning] == []
    again = rendered(name, first.drawn)
    assert again.drawn == first.drawn
    if name != "stateful-with-lookup":  # whose chart draws by itself, and keeps what it finds in the cluster
        assert again.objects == first.objects


@pytest.mark.parametrize("name", RELEASES)
def test_nothing_is_taken_for_an_image_that_is_none(name: str) -> None:
    found = {(one.user, one.image) for one in find_unhandled(rendered(name).objects)}
    assert found == (LOOK_LIKE_IMAGES if name == "operator-with-custom-resources" else set())


def test_a_shop_with_its_own_database() -> None:
    with pytest.raises(ConfigIncompleteError) as caught:
        rendered("web-shop", hostname="")
    assert [problem.name for problem in caught.value.problems] == ["hostname"]

    release = rendered("web-shop")
    found = by_name(release)
    web = found["Deployment/shop"]
    (container,) = web["spec"]["template"]["spec"]["containers"]
    assert web["metadata"]["labels"]["version"] == "1.2.3"
    assert web["spec"]["replicas"] == 3
    assert container["resources"]["limits"]["memory"] == "1600Mi"
    assert {"name": "PUBLIC_URL", "value": "https://shop.example.com"} in container["env"]
    assert found["Service/shop"]["spec"]["ports"] == [{"name": "https", "port": 443, "targetPort": 8443}]
    password = base64.b64decode(found["Secret/postgres"]["data"]["password"]).decode()
    assert len(password) == 40
    url = found["Secret/shop-database"]["stringData"]["DATABASE_URL"]
    assert url == f"postgres://shop:{password}@postgres:5432/shop"
    tls = {key: base64.b64decode(value) for key, value in found["Secret/shop-tls"]["data"].items()}
    assert tls["tls.crt"].startswith(b"-----BEGIN CERTIFICATE-----")
    assert release.drawn.items["db_password_generated"] == password
    assert release.reported_images == {
        "quay.io/my-org/migrate:2.4.1": ("Application/shop",),
        "quay.io/my-org/probe:1": ("Preflight/shop-preflight",),
    }
    assert sorted(release.local_images) == ["quay.io/my-org/probe:1", "quay.io/my-org/shop:2.4.1"]


def test_a_shop_with_an_external_database() -> None:
    with pytest.raises(ConfigIncompleteError) as caught:
        rendered("web-shop", db_type="external", tls_mode="upload")
    missing = [problem.name for problem in caught.value.problems]
    assert missing == ["tls_cert_file", "tls_key_file", "db_host", "db_password_external"]

    given = {"db_type": "external", "db_host": "db.example.com", "db_password_external": "p@ss", "node_port": 31000}
    release = rendered("web-shop", service_type="NodePort", **given)
    found = by_name(release)
    assert found["Secret/shop-database"]["stringData"]["DATABASE_URL"] == (
        "postgres://shop:p%40ss@db.example.com:5432/shop"
    )
    assert found["Service/shop"]["spec"]["ports"][0]["nodePort"] == 31000
    assert "StatefulSet/postgres" not in found
    assert sorted(release.left_out) == ["Secret/postgres", "StatefulSet/postgres"]


def test_optional_values_of_a_chart() -> None:
    found = by_name(rendered("chart-with-optional-values"))
    data = found["ConfigMap/analytics"]["data"]
    assert data == {
        "storage": '{"enabled":true,"kind":"volume","size":"20Gi"}',
        "host": "analytics.apps.example.com",
        "extra": "\na: 1\nb: 2\n",
    }
    (container,) = found["Deployment/analytics"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "quay.io/my-org/analytics:3.1.0"
    assert container["resources"] == {"requests": {"memory": "4Gi", "cpu": "2"}}

    s3 = by_name(rendered("chart-with-optional-values", storage="s3", bucket="b", secret_key="k"))
    assert s3["ConfigMap/analytics"]["data"]["storage"] == ('{"bucket":"b","enabled":true,"kind":"s3","secretKey":"k"}')
    assert rendered("chart-with-optional-values", analytics_enabled=False).left_out == ("HelmChart/analytics",)


def test_loops_and_trims() -> None:
    data = by_name(rendered("loops-and-trims"))["ConfigMap/tenants"]["data"]
    banner = 'Line "one": it\'s {{ here }}\n# line two'
    assert data == {
        "tenant-0-alpha": "20",
        "tenant-1-beta": "40",
        "tenant-3-gamma": "60",
        "admins": "\n- ann@example.com\n- bob@example.com\n",
        "banner": banner,
        "banner2": banner,
        "values": '{{ .Values.untouched }} {{- include "x" . }}',
    }


def test_an_operator_and_its_custom_resource() -> None:
    found = by_name(rendered("operator-with-custom-resources", verbose=True, instances=1))
    (container,) = found["Deployment/db-operator"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "--watch-namespace=apps"
    assert container["args"][-1] == "--v=5"
    assert found["Cluster/main"]["spec"]["instances"] == 1
    assert by_name(rendered("operator-with-custom-resources"))["Cluster/main"]["spec"]["instances"] == 3


def test_facts_of_the_license_and_the_version() -> None:
    release = rendered("license-only")
    assert by_name(release)["ConfigMap/license"]["data"] == {
        "customer": "Acme",
        "type": "prod",
        "seats": "25",
        "seats_left": "20",
        "airgap": "false",
        "trial": "no",
        "plan": "top-plan",
        "channel": "Stable",
        "version": "1.2.3",
        "sequence": "3",
    }
    assert release.asks_for_pull_secret


def test_documents_of_every_tool() -> None:
    release = rendered("documents-of-every-tool")
    assert by_name(release)["ConfigMap/settings"]["data"] == {
        "hostname": "web.example.com",
        "proxy": "images.vendor.example",
    }
    assert len(release.objects) == 1
    assert list(release.reported_images) == ["quay.io/my-org/collector:1"]
    (warning,) = release.warnings
    assert "helm-preflight.yaml" in warning


def test_values_drawn_in_manifests() -> None:
    release = rendered("random-in-manifests")
    generated = by_name(release)["Secret/generated"]["stringData"]
    assert len(generated["token"]) == 32
    assert set(generated["token"]) <= set("0123456789abcdef")
    assert sorted(release.drawn.items) == ["admin_password", "cert", "jwt", "key"]
    changed = by_name(rendered("random-in-manifests", release.drawn, admin_password="mine"))
    anew = changed["Secret/generated"]["stringData"]
    assert {key: anew[key] for key in anew if key != "htpasswd"} == {
        key: value for key, value in generated.items() if key != "htpasswd"
    }
    assert anew["htpasswd"] != generated["htpasswd"]


def test_two_charts_share_a_value_and_ask_for_their_own() -> None:
    found = by_name(rendered("two-charts"))
    assert found["ConfigMap/frontend"]["data"]["host"] == "default.example.com"
    assert found["ConfigMap/frontend"]["data"]["extra"] == found["ConfigMap/backend"]["data"]["extra"]


def test_calls_that_make_the_yaml() -> None:
    found = by_name(rendered("calls-make-the-yaml"))
    service = found["Service/web"]
    assert service["metadata"]["annotations"] == {"example.com/a": "b", "example.com/c": "d"}
    assert service["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8", "192.168.0.0/16"]
    assert service["spec"]["ports"] == [{"name": "http", "port": 80}, {"name": "https", "port": 443}]
    assert "PodDisruptionBudget/web" not in found
    assert found["ConfigMap/web-load"]["data"] == {"ca.pem": "---\nabc\n---\n", "json": "7", "file": "ca.pem"}
    assert "PodDisruptionBudget/web" in by_name(rendered("calls-make-the-yaml", pdb="1"))


def test_answers_that_the_vendor_ships() -> None:
    data = by_name(rendered("shipped-answers"))["ConfigMap/mail"]["data"]
    assert data == {"host": "mail.example.com", "port": "465", "enabled": "true"}
    data = by_name(rendered("shipped-answers", smtp_tls=False, smtp_host="mine"))["ConfigMap/mail"]["data"]
    assert data == {"host": "mine", "port": "25", "enabled": "true"}
    with pytest.raises(ConfigIncompleteError, match="smtp_host"):
        rendered("shipped-answers", smtp_host="")
    assert by_name(rendered("shipped-answers", mail=False, smtp_host=""))["ConfigMap/mail"]["data"]["host"] == ""
