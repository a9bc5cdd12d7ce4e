"""A chart in the vendor's registry, opened by the license: installed, followed, and kept when the registry is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.apps import PRIVATE, PROXIED, SLUG, Tenant
from harness.charts import pack_chart
from harness.oci import helm_push
from harness.waiting import until
from localworld.layout import VENDOR_REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

    from harness.running import Operator

REPOSITORY = f"{VENDOR_REGISTRY}/{SLUG}/e2e"
URL = f"oci://{REPOSITORY}/my-chart"
TEMPLATE = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: "{{{{ .Release.Name }}}}"}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}, annotations: {{version: "{{{{ .Chart.Version }}}}"}}}}
    spec: {{containers: [{{name: main, image: {PRIVATE}, args: ["{{{{ .Values.greeting }}}}"]}}]}}
"""


@pytest.fixture
def push(tenant: Tenant, tmp_path: Path) -> str:
    return release(tenant, tmp_path, "1.0.0")


def release(tenant: Tenant, folder: Path, version: str) -> str:
    chart = pack_chart("my-chart", {"templates/web.yaml": TEMPLATE, "values.yaml": "greeting: none\n"}, version)
    return helm_push(tenant.world.registries, REPOSITORY, chart, folder)


def put(tenant: Tenant, **ref: str) -> None:
    item = {
        "ociRef": {"url": URL, **ref},
        "chart": {"releaseName": "shop", "valuesFrom": [{"secretRef": {"name": "values"}}]},
    }
    spec = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [item], "interval": "10s"}
    tenant.put_secret("values", {"values.yaml": "greeting: hello"})
    tenant.put_app_spec("shop", spec)


def pods(tenant: Tenant) -> tuple[str, str, str]:
    """Version, image and greeting of what runs."""
    found = tenant.get("deployments", "shop")["spec"]["template"]
    container = found["spec"]["containers"][0]
    return found["metadata"]["annotations"]["version"], container["image"], container["args"][0]


def test_a_chart_that_the_license_opens_is_followed_and_outlives_its_registry(
    tenant: Tenant, operator: Operator, push: str, tmp_path: Path
) -> None:
    put(tenant, version="1.x")
    tenant.wait_ready("shop", 60)
    assert pods(tenant) == ("1.0.0", PROXIED, "hello")
    assert tenant.status("shop")["sources"][0] == {"name": f"{URL} (release shop)", "revision": f"1.0.0@{push}"}

    second = release(tenant, tmp_path, "1.1.0")
    release(tenant, tmp_path, "2.0.0")
    until(lambda: pods(tenant)[0] == "1.1.0", "the newer version is followed", 60)
    tenant.wait_ready("shop", 60)
    assert tenant.status("shop")["sources"][0]["revision"] == f"1.1.0@{second}"

    registry = tenant.world.registries[VENDOR_REGISTRY]
    registry.kill()
    try:
        until(lambda: tenant.condition("shop", "SourcesReady")["status"] == "False", "it is told", 60)
        reported = tenant.condition("shop", "SourcesReady")
        assert reported["reason"] == "SourceUnavailable"
        assert f"{VENDOR_REGISTRY} can't be reached" in reported["message"]
        running = tenant.get("deployments", "shop")["metadata"]["generation"]

        operator.kill()
        operator.start()
        tenant.kubectl("annotate", "kotsapp/shop", "kotsapp.dev/requestedAt=while-down", "--overwrite")
        until(lambda: tenant.status("shop").get("lastHandledRequestedAt") == "while-down", "the operator looked", 60)
        assert tenant.get("deployments", "shop")["metadata"]["generation"] == running
        tenant.kubectl("delete", "deployment/shop")
        until(lambda: tenant.get("deployments", "shop"), "what is gone is made anew from what is kept", 60)
        tenant.wait_ready("shop", 60)
        assert pods(tenant) == ("1.1.0", PROXIED, "hello")
        assert tenant.condition("shop", "SourcesReady")["status"] == "False"
    finally:
        registry.start()
        registry.wait_ready()
    until(lambda: tenant.condition("shop", "SourcesReady")["status"] == "True", "the registry is back", 60)


def test_a_tag_that_moves_is_followed(tenant: Tenant, push: str, tmp_path: Path) -> None:
    """As a vendor does it who has one tag for each channel: the chart's version is pushed anew."""
    put(tenant, tag="1.0.0")
    tenant.wait_ready("shop", 60)
    chart = pack_chart("my-chart", {"templates/web.yaml": TEMPLATE, "values.yaml": "x: 1\n", "NEW": "1"}, "1.0.0")
    moved = helm_push(tenant.world.registries, REPOSITORY, chart, tmp_path)
    assert moved != push
    until(lambda: tenant.status("shop")["sources"][0]["revision"] == f"1.0.0@{moved}", "the tag is followed", 60)
    tenant.wait_ready("shop", 60)


def test_another_tenant_whose_license_may_not_gets_nothing(tenant: Tenant, push: str) -> None:
    put(tenant, version="1.x")
    tenant.wait_ready("shop", 60)
    other = Tenant.make(tenant.world, tenant.signer, licenseID="a-license-that-opens-nothing")
    put(other, version="1.x")
    condition = other.wait_reason("shop", "SourceUnavailable", 60)
    assert "it refuses the license; ask the vendor" in condition["message"]
    assert "a-license-that-opens-nothing" not in str(other.status("shop"))
    assert not other.get("deployments", "shop")
