"""What comes first and what is waited for: phases of plain objects, charts by weight, hooks of each (DESIGN 6.4)."""

from typing import Any

import yaml

from harness.apps import PUBLIC, Tenant, config_map, deployment
from harness.charts import pack_chart
from harness.deployer import make_deployer
from harness.objects import job, obj, widgets
from harness.waiting import stays, until

WEB = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: "{{{{ .Release.Name }}}}"}}
spec:
  selector: {{matchLabels: {{app: "{{{{ .Release.Name }}}}"}}}}
  template:
    metadata:
      labels: {{app: "{{{{ .Release.Name }}}}"}}
      annotations: {{localworld/outcome: "{{{{ .Values.outcome }}}}"}}
    spec: {{containers: [{{name: main, image: "{PUBLIC}"}}]}}
"""
MIGRATE = f"""
apiVersion: batch/v1
kind: Job
metadata: {{name: "{{{{ .Release.Name }}}}-migrate", annotations: {{helm.sh/hook: "pre-install,pre-upgrade"}}}}
spec:
  template:
    metadata: {{annotations: {{localworld/outcome: "{{{{ .Values.migration }}}}"}}}}
    spec: {{restartPolicy: Never, containers: [{{name: run, image: "{PUBLIC}"}}]}}
"""


def chart(name: str, weight: int, **values: str) -> dict[str, Any]:
    spec = {"chart": {"name": name, "chartVersion": "1.0.0"}, "weight": weight, "values": values}
    return {"apiVersion": "kots.io/v1beta2", "kind": "HelmChart", "metadata": {"name": name}, "spec": spec}


def put(tenant: Tenant, name: str, *documents: dict[str, Any], **spec: Any) -> None:
    """An app of plain objects and of the charts ``db`` and ``web``, of which the second one has a hook."""
    files = {
        "all.yaml": yaml.safe_dump_all(documents).encode(),
        "db.tgz": pack_chart("db", {"templates/all.yaml": WEB}),
        "web.tgz": pack_chart("web", {"templates/all.yaml": f"{MIGRATE}---{WEB}"}),
        "kinds.tgz": pack_chart("kinds", {"crds/widgets.yaml": yaml.safe_dump(WIDGETS)}),
    }
    tenant.put_secret(name, files)
    sources = [{"secretRef": {"name": name}}]
    tenant.put_app_spec(name, {"license": {"secretRef": {"name": "my-license"}}, "manifests": sources, **spec})


def reported(tenant: Tenant, name: str) -> str:
    return str(tenant.condition(name, "WorkloadsApplied").get("message"))


GROUP = "in-order.invalid"
WIDGETS = widgets(GROUP)


def test_a_chart_is_there_before_the_hooks_of_a_heavier_one_run(tenant: Tenant) -> None:
    web = chart("web", 1, outcome="", migration="")
    put(tenant, "shop", web, chart("db", -1, outcome="unready"))
    until(lambda: "Deployment/db to be ready" in reported(tenant, "shop"), "it waits")
    stays(lambda: not tenant.all("jobs"), "the hook has not run", 3)

    put(tenant, "shop", web, chart("db", -1, outcome=""))

    tenant.wait_ready("shop", 60)
    assert tenant.get("deployments", "web")
    assert tenant.get("jobs", "web-migrate")["status"]["succeeded"] == 1


def test_plain_objects_are_there_before_a_charts_hooks_run(tenant: Tenant) -> None:
    database = deployment("database", PUBLIC)
    put(tenant, "shop", chart("web", 0, outcome="", migration="unready"), database)
    until(lambda: tenant.get("jobs", "web-migrate"), "the hook runs")
    assert tenant.get("deployments", "database"), "what it waits for is there"
    assert not tenant.get("deployments", "web")


def test_a_phase_is_held_back_until_the_one_before_is_ready(tenant: Tenant) -> None:
    def first(outcome: str) -> dict[str, Any]:
        made = deployment("first", PUBLIC)
        annotations = {"kots.io/creation-phase": "1", "kots.io/wait-for-ready": "true", "kots.io/deletion-phase": "3"}
        made["metadata"]["annotations"] = annotations
        made["spec"]["template"]["metadata"]["annotations"] = {"localworld/outcome": outcome}
        return made

    second = config_map("second")
    second["metadata"]["annotations"] = {"kots.io/creation-phase": "2"}
    tenant.put_app("app", [second, first("unready")])
    until(lambda: "waiting for Deployment/first to be ready" in reported(tenant, "app"), "it waits")
    assert not tenant.get("configmaps", "second")

    tenant.put_app("app", [second, first("")])

    tenant.wait_ready("app")
    assert tenant.get("configmaps", "second")
    phases = {entry["name"]: entry.get("deletionPhase") for entry in tenant.status("app")["inventory"]}
    assert phases == {"first": 3, "second": None}


def test_definitions_of_a_chart_leave_the_ones_that_are_there(tenant: Tenant) -> None:
    newer = {**WIDGETS, "metadata": {**WIDGETS["metadata"], "annotations": {"version": "newer"}}}
    tenant.world.api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{GROUP}", newer)
    tenant.world.kubectl("wait", "--for=condition=Established", f"crd/widgets.{GROUP}", "--timeout=20s")
    spec = {"serviceAccountName": make_deployer(tenant)}

    for name in ("one", "two"):
        widget = obj(f"{GROUP}/v1", "Widget", name, spec={})
        put(tenant, name, chart("kinds", 0), widget, **spec)
    for name in ("one", "two"):
        tenant.wait_ready(name, 60)
        assert [entry["kind"] for entry in tenant.status(name)["inventory"]] == ["Widget"]

    tenant.world.kubectl("delete", "crd", f"widgets.{GROUP}")
    until(lambda: GROUP in tenant.world.kubectl("get", "crd", "-o", "name"), "one of them makes it again", 60)
    for name in ("one", "two"):
        tenant.wait_ready(name, 60)


def test_flags_of_helm_are_heeded_or_told(tenant: Tenant) -> None:
    document = chart("web", 0, outcome="", migration="fail")
    document["spec"]["helmUpgradeFlags"] = ["--no-hooks", "--timeout", "600s", "--set=a=secret"]
    put(tenant, "shop", document)
    tenant.wait_ready("shop", 60)
    assert not tenant.all("jobs")
    # What stands in a Secret, as the release does here, may be left out of messages.
    message = reported(tenant, "shop")
    assert "; not heeded: " in message
    assert message.endswith(" --set of chart web 1.0.0 (release web)")


def test_a_hook_of_plain_manifests_runs_in_its_phase(tenant: Tenant) -> None:
    hook = job("prepare", outcome="unready")
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-install", "kots.io/creation-phase": "1"}
    tenant.put_app("app", [hook, config_map("base")])
    until(lambda: tenant.get("jobs", "prepare"), "it runs")
    assert tenant.get("configmaps", "base")
