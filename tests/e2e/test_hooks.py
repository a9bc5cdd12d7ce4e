"""While a hook has to end before the rest is applied: what is told, what is repaired, and for how long."""

import pytest

from harness.apps import Object, Tenant, config_map
from harness.objects import annotated, job
from harness.running import Operator
from harness.waiting import stays, until


def hook(name: str, outcome: str) -> Object:
    made = job(name, outcome=outcome, backoffLimit=0)
    annotations = {"helm.sh/hook": "pre-install,pre-upgrade"}
    return annotated({**made, "metadata": {**made["metadata"], "annotations": annotations}}, force="enabled")


@pytest.mark.parametrize("outcome", ["fail", "unready"])
def test_a_hook_that_does_not_end_is_told_when_the_time_is_over(
    tenant: Tenant, operator: Operator, outcome: str
) -> None:
    tenant.put_app("app", [hook("migrate", outcome), config_map("after")], timeout="3s")

    message = tenant.wait_reason("app", "WorkloadsUnhealthy", 15)["message"]

    assert "Job/migrate" in message
    assert not tenant.get("configmaps", "after")
    applied = tenant.condition("app", "WorkloadsApplied")
    assert (applied["status"], applied["message"].partition(";")[0]) == ("Unknown", "1 object applied")
    assert tenant.events().count("Applied") == 1

    tenant.put_app("app", [hook("migrate", ""), config_map("after")], timeout="30s")
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "after")


def test_what_a_running_hook_needs_is_repaired(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("base"), hook("migrate", ""), config_map("after", a="1")])
    tenant.wait_ready("app")
    tenant.put_app("app", [config_map("base"), hook("migrate", "unready"), config_map("after", a="2")])
    until(lambda: tenant.get("jobs", "migrate").get("status", {}).get("active"), "the hook runs")

    tenant.kubectl("delete", "configmap", "base")

    until(lambda: tenant.get("configmaps", "base"), "it is there again", 10)
    until(lambda: "DriftRepaired" in tenant.events(), "the repair is told")
    stays(lambda: tenant.events().count("DriftRepaired") == 1, "and told once", 4)
    assert tenant.get("configmaps", "after")["data"] == {"a": "1"}
