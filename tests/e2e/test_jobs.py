"""Jobs that remove themselves when they are done: gone is not drift."""

import pytest

from apps import PRIVATE, Tenant
from audit import writes
from objects import job
from waiting import stays, until


@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_a_job_whose_time_to_live_is_over_is_not_run_again(tenant: Tenant, seconds: int) -> None:
    tenant.put_app("app", [job("once", PRIVATE, ttlSecondsAfterFinished=seconds)])
    tenant.wait_ready("app")
    until(lambda: not tenant.get("jobs", "once"), "the Job removed itself")

    stays(lambda: not tenant.get("jobs", "once"), "it is not run again", 2.0)

    assert [write for write in writes(tenant.world, tenant.namespace) if "jobs" in write] == ["patch jobs once"]
    assert tenant.condition("app")["status"] == "True"
    assert tenant.status("app")["imageSummary"]["proxied"] == 1
    assert "DriftRepaired" not in tenant.events()
