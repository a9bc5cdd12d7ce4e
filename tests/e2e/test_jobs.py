"""Jobs that remove themselves when they are done: gone is not drift."""

from typing import Any

from apps import PRIVATE, PROXIED, Tenant
from waiting import stays, until


def job(name: str, ttl: int) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": PRIVATE}]}
    spec = {"ttlSecondsAfterFinished": ttl, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def test_a_job_whose_time_to_live_is_over_is_not_run_again(tenant: Tenant) -> None:
    tenant.put_app("app", [job("once", ttl=2)])
    until(lambda: tenant.get("jobs", "once"), "the Job is there")
    assert tenant.get("jobs", "once")["spec"]["template"]["spec"]["containers"][0]["image"] == PROXIED
    tenant.wait_ready("app")
    until(lambda: not tenant.get("jobs", "once"), "the Job removed itself")

    stays(lambda: not tenant.get("jobs", "once"), "it is not run again", 2.0)

    tenant.wait_ready("app")
    assert "DriftRepaired" not in tenant.events()
