"""Jobs run once: gone by their own wish is not drift, and another route is no reason to run again."""

import pytest

from harness.apps import PRIVATE, Tenant, deployment
from harness.audit import position, writes
from harness.objects import job
from harness.waiting import stays, until
from localworld.world import World


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_job_whose_time_to_live_is_over_is_not_run_again(tenant: Tenant, seconds: int) -> None:
    tenant.put_app("app", [job("once", PRIVATE, ttlSecondsAfterFinished=seconds)])
    tenant.wait_ready("app")
    until(lambda: not tenant.get("jobs", "once"), "the Job removed itself")

    stays(lambda: not tenant.get("jobs", "once"), "it is not run again", 2.0)

    assert [write for write in writes(tenant.world, tenant.namespace) if "jobs" in write] == ["patch jobs once"]
    assert tenant.condition("app")["status"] == "True"
    assert tenant.status("app")["imageSummary"]["proxied"] == 1
    assert "DriftRepaired" not in tenant.events()


@pytest.mark.parametrize("life", [{}, {"ttlSecondsAfterFinished": 1}], ids=["stays", "removes-itself"])
def test_what_has_run_does_not_hold_up_another_route(world: World, tenant: Tenant, life: dict[str, int]) -> None:
    domain = f"images.{tenant.namespace}.invalid"
    tenant.put_app("app", [job("once", PRIVATE, **life), deployment("example", PRIVATE)])
    tenant.wait_ready("app")
    if life:
        until(lambda: not tenant.get("jobs", "once"), "the Job removed itself")
    since = position(world)

    tenant.put_license(replicatedProxyDomain=domain)

    def routed() -> bool:
        spec = tenant.get("deployments", "example")["spec"]["template"]["spec"]
        return bool(spec["containers"][0]["image"] == f"{domain}/proxy/my-kots-app/{PRIVATE}")

    until(routed, "the Deployment is re-routed")
    stays(lambda: "ObjectRefused" not in tenant.events(), "nothing is refused", 1)
    assert not [write for write in writes(world, tenant.namespace, since) if "jobs" in write]
    if not life:
        tenant.kubectl("annotate", "job", "once", "kotsapp.dev/original-images-", "--overwrite")
        stays(lambda: "ObjectRefused" not in tenant.events(), "what has run is not drift", 1)

    tenant.put_app("app", [job("again", PRIVATE, **life), deployment("example", PRIVATE)])
    until(lambda: "patch jobs again" in writes(world, tenant.namespace, since), "another Job is run")
