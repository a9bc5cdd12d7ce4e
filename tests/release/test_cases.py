"""Small releases that are each a kind of what real ones hold, and what comes out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.charts import helm
from kotsapp.cli.files import source_files
from kotsapp.images.domains import CustomDomains, resolve_domains
from kotsapp.images.reference import parse
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.release import helm as runner
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.context import TemplateContext
from kotsapp.release.filler import Filling
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, read_release

CASES = Path(__file__).parent / "data" / "cases"


def context(application: Application) -> TemplateContext:
    domains = Domains(application.proxy_domain or "proxy.replicated.com")
    return TemplateContext({"customerName": "Demo"}, "ZG9ja2Vy", "acme-app-registry", "apps", domains)


def rendered(name: str) -> Release:
    release = read_release(source_files([str(CASES / name)]), context, filling=Filling(find_program=helm))
    return with_charts(release, runner.render_all(release.charts, helm(), "apps"))


def names(release: Release) -> list[str]:
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in release.objects]


def data(release: Release) -> Any:
    return release.objects[0]["data"]


def test_an_option_has_its_items_default() -> None:
    assert data(rendered("config-option")) == {"host": "shop.example.com"}


@pytest.mark.parametrize("name", ["never-applied-without-name", "velero-backup", "config-escaped-quotes"])
def test_documents_that_are_never_applied_may_be_anything(name: str) -> None:
    release = rendered(name)
    assert (names(release), release.warnings) == (["ConfigMap/settings"], ())


def test_trim_marks_in_a_configs_comments_eat_nothing() -> None:
    release = rendered("config-comment-trim")
    assert (names(release), release.warnings) == (["ConfigMap/settings"], ())
    assert release.config is not None
    assert [item.name for item in release.config.config.items] == ["text"]


def test_a_preflight_that_only_helm_can_read_is_a_warning() -> None:
    release = rendered("helm-templated-preflight")
    assert names(release) == ["ConfigMap/settings"]
    (warning,) = release.warnings
    assert "preflight.yaml, document 1, line 6: " in warning
    assert warning.endswith("; it is never applied, so it is left as it is")


def test_annotations_of_objects_dont_count_for_kots_own_documents() -> None:
    assert names(rendered("exclude-on-helmchart")) == ["ConfigMap/settings", "Deployment/shop-web"]
    application = rendered("exclude-on-application")
    assert application.proxy_domain == "images.vendor.example"
    assert application.reported_images == {"quay.io/my-org/extra:1": ("Application/shop",)}


def test_the_pull_secrets_name_is_asked_for() -> None:
    release = rendered("pull-secret-by-name")
    assert data(release) == {"image": "quay.io/my-org/worker:1", "pullSecret": "acme-app-registry"}
    assert release.asks_for_pull_secret
    assert not rendered("config-option").asks_for_pull_secret


def test_calls_that_a_chart_prints_are_filled_in() -> None:
    release = rendered("chart-output-calls")
    assert data(release) == {"namespace": "apps", "customer": "Demo", "host": ""}


def test_blanks_around_a_condition_are_no_matter() -> None:
    (chart,) = rendered("when-with-blank-lines").charts
    assert chart.values == {}


@pytest.mark.parametrize(
    ("name", "web"),
    [
        ("v2-only", "shop-web"),
        ("v1-and-v2", "shop-web"),
        ("release-name", "shop-chart-web"),
        ("file-twice-in-archive", "shop-chart-web"),
    ],
)
def test_each_release_of_a_chart_is_there_once_by_its_name(name: str, web: str) -> None:
    assert names(rendered(name))[-1:] == [f"Deployment/{web}"]


def test_a_v1_chart_whose_release_a_v2_chart_has_is_told_as_left_out() -> None:
    assert rendered("v1-and-v2").left_out == ("HelmChart/shop (a v1beta2 HelmChart has its release)",)


VENDORS = "images.vendor.example"


def test_a_vendors_domain_that_is_written_out_is_not_doubled() -> None:
    (pod,) = rendered("custom-domain-doubled").objects
    image = parse(pod["spec"]["containers"][0]["image"])
    for route in Route:
        assert pull_reference(image, route, Domains(), "acme-app") == image.written
    other = parse(image.written.replace("acme-app", "another-app"))
    assert pull_reference(other, Route.PROXY, Domains(), "acme-app") != other.written


@pytest.mark.parametrize(
    "named_by",
    [{"application": CustomDomains(VENDORS)}, {"license_proxy": VENDORS}, {"embedded_proxy": VENDORS}],
    ids=lambda named_by: next(iter(named_by)),
)
def test_the_license_opens_a_written_out_domain_only_where_somebody_names_it(named_by: dict[str, Any]) -> None:
    spec = CustomDomains("proxy.example.com")
    image = parse(f"{VENDORS}/proxy/acme-app/quay.io/my-org/web:1")
    assert VENDORS not in resolve_domains(spec).opening([image]).hosts
    named = resolve_domains(spec, **named_by)
    assert named.proxy == "proxy.example.com"
    assert VENDORS in named.opening([image]).hosts
    assert VENDORS not in named.hosts, "where no image is from there nothing is opened"


def test_an_embedded_clusters_config_names_the_vendors_domain() -> None:
    text = f"""apiVersion: embeddedcluster.replicated.com/v1beta1
kind: Config
spec: {{domains: {{proxyRegistryDomain: {VENDORS}}}}}
---
apiVersion: kots.io/v1beta1
kind: Application
metadata: {{name: shop}}
spec: {{additionalNamespaces: [jobs, "*", jobs]}}
"""
    release = read_release([SourceFile("a.yaml", "a.yaml", text.encode())], context)
    assert release.application.embedded_proxy_domain == VENDORS
    assert release.application.additional_namespaces == ("jobs",)
    (warning,) = release.warnings
    assert warning.startswith("spec.additionalNamespaces of the Application has '*': ")
