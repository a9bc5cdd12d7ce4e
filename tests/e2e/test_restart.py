"""An operator that starts anew knows what the one before it knew."""

from harness.apps import PUBLIC, Tenant, config_map, deployment
from harness.deployer import make_deployer
from harness.life import unready
from harness.objects import annotated, job
from harness.running import Operator
from harness.waiting import stays, until


def restart(operator: Operator) -> None:
    operator.stop()
    operator.start()


def hook(name: str, when: str, outcome: str = "") -> dict[str, object]:
    made = job(name, outcome=outcome)
    return {**made, "metadata": {**made["metadata"], "annotations": {"helm.sh/hook": when}}}


def test_what_is_not_healthy_stays_so(tenant: Tenant, operator: Operator) -> None:
    tenant.put_app("app", [unready(deployment("example", PUBLIC))], timeout="2s")
    reported = tenant.wait_reason("app", "WorkloadsUnhealthy")

    restart(operator)

    tenant.kubectl("annotate", "kotsapp", "app", "kotsapp.dev/requestedAt=now")
    until(lambda: tenant.status("app").get("lastHandledRequestedAt") == "now", "the new operator has looked at it")
    assert tenant.condition("app") == reported


def test_a_hook_that_runs_is_waited_for(tenant: Tenant, operator: Operator) -> None:
    tenant.put_app("app", [hook("migrate", "pre-install", "unready"), config_map("after")])
    until(lambda: tenant.get("jobs", "migrate").get("status", {}).get("active"), "the hook runs")

    restart(operator)

    stays(lambda: not tenant.get("configmaps", "after"), "what comes after the hook waits for it", 2.0)
    assert tenant.condition("app")["status"] == "Unknown"


def test_what_another_app_of_the_namespace_makes_the_operator_list_is_not_taken_for_healthy(
    tenant: Tenant, operator: Operator
) -> None:
    tenant.put_app("app", [unready(deployment("example", PUBLIC))], timeout="2s")
    reported = tenant.wait_reason("app", "WorkloadsUnhealthy")

    tenant.put_app("other", [deployment("second", PUBLIC)], serviceAccountName=make_deployer(tenant))
    tenant.wait_ready("other")
    assert tenant.condition("app") == reported


def test_an_object_that_a_person_keeps_has_no_owner_as_long_as_it_is_kept(tenant: Tenant) -> None:
    """With ``--cascade=foreground`` the garbage collector deletes what has the app as its owner, operator or not."""
    tenant.put_app("app", [config_map("kept"), config_map("settings")])
    tenant.wait_ready("app")
    tenant.kubectl("annotate", "configmap", "kept", "kotsapp.dev/prune=disabled")
    until(lambda: "ownerReferences" not in tenant.get("configmaps", "kept")["metadata"], "it has no owner any more")

    tenant.kubectl("annotate", "configmap", "kept", "kotsapp.dev/prune-")
    until(lambda: "ownerReferences" in tenant.get("configmaps", "kept")["metadata"], "it has its owner again")


def test_what_is_kept_by_the_manifest_never_had_an_owner(tenant: Tenant) -> None:
    tenant.put_app("app", [annotated(config_map("kept"), prune="disabled")])
    tenant.wait_ready("app")
    assert "ownerReferences" not in tenant.get("configmaps", "kept")["metadata"]
