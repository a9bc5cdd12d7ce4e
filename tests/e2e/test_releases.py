"""Releases as KOTS ships them: archives, charts with subcharts and hooks, template calls, KOTS's own documents."""

import base64
import io
import json
import tarfile
from pathlib import Path

import yaml

from harness.apps import PRIVATE, PROXIED, PUBLIC, SLUG, Tenant, config_map, deployment
from harness.running import ROOT
from harness.waiting import until
from localworld.world import World

CHART = ROOT / "examples" / "chart"
CACHE, WEB = "nginx:1.27", "ghcr.io/my-org/web:v1.0.1"


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def chart_archive(folder: Path) -> bytes:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return archive({str(path.relative_to(folder.parent)): path.read_bytes() for path in files})


def release() -> dict[str, bytes]:
    """The example's release folder: a HelmChart document with its chart archive beside it."""
    plain = config_map("plain", of='repl{{ LicenseFieldValue "customerName" }}')
    return {
        "manifests/helmchart.yaml": (CHART / "helmchart.yaml").read_bytes(),
        "manifests/my-shop-1.4.0.tgz": chart_archive(CHART / "my-shop"),
        "manifests/plain.yaml": yaml.safe_dump(plain).encode(),
        "manifests/k8s-app.yaml": b"apiVersion: app.k8s.io/v1beta1\nkind: Application\nmetadata: {name: shop}\n",
    }


def put_release(tenant: Tenant, name: str, files: dict[str, bytes], **spec: object) -> None:
    tenant.put_secret(name, {"release.tgz": archive(files)})
    sources = [{"secretRef": {"name": name}}]
    tenant.put_app_spec(name, {"license": {"secretRef": {"name": "my-license"}}, "manifests": sources, **spec})


def test_a_chart_with_subchart_hooks_and_tpl_runs_in_helms_order(world: World, tenant: Tenant) -> None:
    world.push_image(CACHE)
    world.push_image(WEB, proxied_for=SLUG)
    put_release(tenant, "shop", release())

    tenant.wait_ready("shop", 90)

    verdicts = {image: entry["verdict"] for image, entry in tenant.images("shop").items()}
    assert verdicts == {PRIVATE: "Private", WEB: "Private", PUBLIC: "Public", CACHE: "Public"}
    migrate, api = tenant.get("jobs", "shop-my-shop-migrate"), tenant.get("deployments", "shop-my-shop-api")
    assert migrate["status"]["succeeded"] == 1
    assert migrate["status"]["completionTime"] <= api["metadata"]["creationTimestamp"]
    assert migrate["spec"]["template"]["spec"]["containers"][0]["image"] == PROXIED
    assert api["spec"]["template"]["spec"]["containers"][0]["image"] == PROXIED
    assert tenant.get("configmaps", "shop-extra")["data"] == {"chart": "my-shop"}
    assert tenant.get("configmaps", "plain")["data"] == {"of": "Acme"}
    assert not tenant.get("pods", "shop-my-shop-test-reachable")


def test_a_v2_chart_is_left_alone_only_when_that_is_asked_for(world: World, tenant: Tenant) -> None:
    world.push_image(CACHE)
    world.push_image(WEB, proxied_for=SLUG)
    files = release()
    document = yaml.safe_load(files["manifests/helmchart.yaml"])
    v2 = {
        "apiVersion": "kots.io/v1beta2",
        "kind": "HelmChart",
        "metadata": {"name": "my-shop"},
        "spec": {"chart": {"name": "my-shop", "chartVersion": "1.4.0"}, "releaseName": "shop", "values": {}},
    }
    assert document["apiVersion"] == "kots.io/v1beta1"
    files["manifests/helmchart.yaml"] = yaml.safe_dump(v2).encode()
    put_release(tenant, "shop", files, helm={"v2Charts": "Skip"})
    tenant.wait_ready("shop")
    reported = tenant.condition("shop", "WorkloadsApplied")["message"]
    assert "installed by nobody here: HelmChart/my-shop" in reported
    assert not tenant.all("deployments")

    put_release(tenant, "shop", files)

    tenant.wait_ready("shop", 90)
    assert tenant.get("deployments", "shop-my-shop-api")


def test_local_image_names_and_the_secret_of_a_template_are_filled_in(tenant: Tenant) -> None:
    plain = deployment("plain", PUBLIC)
    plain["spec"]["template"]["spec"]["containers"][0]["image"] = f'repl{{{{ LocalImageName "{PRIVATE}" }}}}'
    tenant.put_app("app", [plain])

    tenant.wait_ready("app")

    spec = tenant.get("deployments", "plain")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == PROXIED
    assert spec["imagePullSecrets"] == [{"name": "my-kots-app-registry"}]


def test_an_applications_domains_and_images_are_used_and_reported(world: World, tenant: Tenant) -> None:
    world.push_image("images.vendor.invalid/proxy/my-kots-app/" + PRIVATE)
    application = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {"title": "Shop", "proxyRegistryDomain": "images.vendor.invalid", "additionalImages": [PUBLIC]},
    }
    tenant.put_app("app", [application, deployment("one")])

    tenant.wait_ready("app")

    entries = tenant.images("app")
    assert entries[PRIVATE]["pull"] == f"images.vendor.invalid/proxy/my-kots-app/{PRIVATE}"
    assert entries[PUBLIC]["usedBy"] == ["Application/shop"]
    secret = tenant.get("secrets", "my-kots-app-registry")
    auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
    assert set(auths) == {"images.vendor.invalid", "registry.replicated.com"}


def test_a_call_of_the_console_is_refused_by_name_and_mending_it_heals(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings", host="repl{{ IdentityServiceName }}")])

    message = tenant.wait_reason("app", "InvalidManifest")["message"]

    assert "IdentityServiceName" in message
    assert "spec.manifests[0].inline" in message
    tenant.put_app("app", [config_map("settings", host="example.com")])
    tenant.wait_ready("app")
    until(lambda: tenant.get("configmaps", "settings")["data"] == {"host": "example.com"}, "it is applied")
