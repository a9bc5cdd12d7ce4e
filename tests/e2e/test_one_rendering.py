"""A release is rendered once: what its charts draw stays the same until one of its inputs changes (DESIGN 6.5)."""

import base64

import yaml

from harness.apps import Tenant
from harness.charts import pack_chart
from harness.running import Operator
from harness.waiting import until

TEMPLATE = """
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}-password"}
data: {password: "{{ randAlphaNum 16 | b64enc }}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata:
      labels: {app: db}
      annotations: {checksum/secret: "{{ randAlphaNum 8 | sha256sum }}"}
    spec: {containers: [{name: db, image: "busybox:1.36"}]}
"""
HELM_CHART = {
    "apiVersion": "kots.io/v1beta1",
    "kind": "HelmChart",
    "metadata": {"name": "db"},
    "spec": {"chart": {"name": "db", "chartVersion": "1.0.0", "releaseName": "db"}},
}


def put(tenant: Tenant, template: str = TEMPLATE, **spec: object) -> None:
    files = {
        "chart.yaml": yaml.safe_dump(HELM_CHART).encode(),
        "db-1.0.0.tgz": pack_chart("db", {"templates/all.yaml": template}),
    }
    tenant.put_secret("release", files)
    sources = [{"secretRef": {"name": "release"}}]
    tenant.put_app_spec("db", {"license": {"secretRef": {"name": "my-license"}}, "manifests": sources, **spec})


def drawn(tenant: Tenant) -> tuple[str, str]:
    """The password, and what pods are made from."""
    pods = tenant.get("deployments", "db")["spec"]["template"]
    return tenant.get("secrets", "db-password")["data"]["password"], pods["metadata"]["annotations"]["checksum/secret"]


def retry(tenant: Tenant, annotation: str, value: str, answer: str) -> None:
    tenant.kubectl("annotate", "--overwrite", "kotsapp/db", f"{annotation}={value}")
    until(lambda: tenant.status("db").get(answer) == value, f"{annotation} is answered")
    tenant.wait_ready("db")


def test_what_a_chart_draws_stays_until_an_input_changes(tenant: Tenant, operator: Operator) -> None:
    put(tenant)
    tenant.wait_ready("db", 60)
    first = drawn(tenant)
    assert tenant.status("db")["release"]["revision"] == 1

    retry(tenant, "kotsapp.dev/requestedAt", "again", "lastHandledRequestedAt")
    assert drawn(tenant) == first, "somebody asked for a new probe"

    tenant.kubectl("patch", "secret/db-password", "--type=merge", "-p", '{"data":{"password":"c3RvbGVu"}}')
    until(lambda: drawn(tenant) == first, "what somebody changed is repaired")

    operator.kill()
    operator.start()
    retry(tenant, "kotsapp.dev/requestedAt", "after a restart", "lastHandledRequestedAt")
    assert drawn(tenant) == first, "the operator was restarted"
    assert tenant.status("db")["release"]["revision"] == 1

    tenant.put_license(licenseSequence=5, customerName="Renamed")
    until(lambda: tenant.status("db")["license"].get("customerName") == "Renamed", "the renewed license is read")
    tenant.wait_ready("db")
    assert drawn(tenant) == first, "the license was renewed, and nothing of it is in the release"

    retry(tenant, "kotsapp.dev/renderAt", "now", "lastHandledRenderAt")
    until(lambda: drawn(tenant)[0] != first[0], "it is rendered anew")
    assert tenant.status("db")["release"]["revision"] == 2


def stored(tenant: Tenant) -> list[str]:
    return sorted(s["metadata"]["name"] for s in tenant.all("secrets") if s.get("type") == "kotsapp.dev/release.v1")


def test_a_stored_release_that_somebody_changed_stops_what_is_new_and_leaves_what_runs(tenant: Tenant) -> None:
    put(tenant)
    tenant.wait_ready("db", 60)
    first = drawn(tenant)
    [name] = stored(tenant)

    tenant.kubectl("patch", f"secret/{name}", "--type=merge", "-p", '{"data":{"release":"e30="}}')
    tenant.kubectl("annotate", "--overwrite", "kotsapp/db", "kotsapp.dev/requestedAt=now")
    reported = tenant.wait_reason("db", "RenderFailed")

    assert f"Secret {name} was changed by somebody else" in reported["message"]
    assert "kotsapp.dev/renderAt" in reported["message"]
    assert drawn(tenant) == first

    retry(tenant, "kotsapp.dev/renderAt", "now", "lastHandledRenderAt")
    assert drawn(tenant) != first


def test_releases_without_calls_and_charts_keep_nothing_and_others_go_with_their_app(tenant: Tenant) -> None:
    put(tenant)
    tenant.put_app("plain", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n")
    tenant.wait_ready("db", 60)
    tenant.wait_ready("plain")
    assert stored(tenant) == ["db.release.v1"]
    value = tenant.get("secrets", "db.release.v1")["data"]["release"]
    assert drawn(tenant)[0].encode() not in base64.b64decode(value), "it is packed"

    tenant.kubectl("delete", "kotsapp/db", "--wait")

    until(lambda: not stored(tenant), "the garbage collector has them")
