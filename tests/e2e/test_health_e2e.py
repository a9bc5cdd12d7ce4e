"""The health of what runs, per workload, by what controllers and the node really report."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harness.apps import PRIVATE, PROXIED, PUBLIC, Object, Tenant, config_map, deployment
from harness.objects import claim, cron_job, daemon_set, job, obj, pod_spec, stateful_set, template
from harness.recording import recording
from harness.running import Operator
from harness.waiting import stays, until

# What is unwell and stays as it is gets another look within half a minute.
LOOKED_AGAIN = 45


def unwell(name: str, outcome: str) -> Object:
    made = deployment(name, PUBLIC)
    made["spec"]["template"]["metadata"]["annotations"] = {"localworld/outcome": outcome}
    return made


def workloads(tenant: Tenant, app: str = "app") -> dict[str, tuple[str, str]]:
    listed = tenant.status(app).get("workloads") or ()
    return {f"{w['kind']}/{w['name']}": (w["state"], w.get("message", "")) for w in listed}


def restarts(tenant: Tenant) -> int:
    """How often the containers of the namespace's pods were restarted, at most."""
    statuses = [c for pod in tenant.all("pods") for c in pod.get("status", {}).get("containerStatuses") or ()]
    return max((int(c["restartCount"]) for c in statuses), default=0)


def ready_status(status: Mapping[str, Any]) -> str:
    return next((str(c["status"]) for c in status.get("conditions") or () if c["type"] == "Ready"), "")


def test_every_kind_of_workload_is_waited_for_and_listed(tenant: Tenant) -> None:
    replica_set = obj(
        "apps/v1", "ReplicaSet", "rs", spec={"selector": {"matchLabels": {"app": "rs"}}, "template": template("rs")}
    )
    controller = obj("v1", "ReplicationController", "rc", spec={"selector": {"app": "rc"}, "template": template("rc")})
    bare = obj("v1", "Pod", "pod", spec=pod_spec(PUBLIC))
    objects = [
        deployment("deploy", PRIVATE),
        stateful_set("set", replicas=2),
        daemon_set("each"),
        job("once"),
        cron_job("yearly"),
        replica_set,
        controller,
        bare,
        config_map("settings"),
    ]
    tenant.put_app("app", objects)

    tenant.wait_ready("app")

    assert workloads(tenant) == {
        f"{kind}/{name}": ("Ready", "")
        for kind, name in (
            ("Deployment", "deploy"),
            ("StatefulSet", "set"),
            ("DaemonSet", "each"),
            ("Job", "once"),
            ("CronJob", "yearly"),
            ("ReplicaSet", "rs"),
            ("ReplicationController", "rc"),
            ("Pod", "pod"),
        )
    }
    healthy = tenant.condition("app", "WorkloadsHealthy")
    assert (healthy["status"], healthy["message"]) == ("True", "8 of 8 workloads ready")


def test_workloads_that_do_not_become_ready_in_time_are_told_and_recover(tenant: Tenant) -> None:
    tenant.put_app("app", [unwell("slow", "unready"), stateful_set("set", outcome="unready")], timeout="2s")

    ready = tenant.wait_reason("app", "WorkloadsUnhealthy")

    assert "Deployment/slow" in ready["message"]
    assert "StatefulSet/set" in ready["message"]
    assert not tenant.condition("app", "Reconciling"), "it is settled, as far as the operator can bring it"
    assert tenant.condition("app", "WorkloadsHealthy")["status"] == "False"
    assert {state for state, _ in workloads(tenant).values()} == {"Unavailable"}
    assert tenant.status("app")["observedGeneration"] == tenant.app("app")["metadata"]["generation"]

    tenant.put_app("app", [deployment("slow", PUBLIC)], timeout="2s")

    tenant.wait_ready("app")
    assert tenant.condition("app", "WorkloadsHealthy")["status"] == "True"


def test_an_image_that_cant_be_pulled_is_named_by_its_workload(tenant: Tenant) -> None:
    tenant.put_license(licenseID="an-id-nobody-knows")
    tenant.put_app("app", [deployment("example", PRIVATE), deployment("fine", PUBLIC)], timeout="3s")

    message = tenant.wait_reason("app", "ImagesNotPullable")["message"]
    assert "Deployment/example" in message
    assert PROXIED in message

    def reported() -> bool:
        found = tenant.condition("app", "WorkloadsHealthy")
        message = str(found.get("message"))
        return found.get("status") == "False" and "Deployment/example" in message and "ImagePull" in message

    until(reported, "what the kubelet says is told of the workloads", LOOKED_AGAIN)
    until(lambda: workloads(tenant)["Deployment/fine"] == ("Ready", ""), "the other one is well", LOOKED_AGAIN)


def test_a_pod_that_crashes_and_a_job_that_fails_say_so(tenant: Tenant) -> None:
    objects = [unwell("crashing", "crash"), job("failing", outcome="fail", backoffLimit=0)]
    tenant.put_app("app", objects, timeout="2s")

    tenant.wait_reason("app", "WorkloadsUnhealthy")

    def reported() -> bool:
        found = workloads(tenant)
        crashing, failing = found["Deployment/crashing"], found["Job/failing"]
        return "CrashLoopBackOff" in crashing[1] and failing[0] == "Unavailable" and bool(failing[1])

    until(reported, f"the workloads' messages say why; {workloads(tenant)}", LOOKED_AGAIN)


def test_without_wait_the_app_is_ready_at_once_and_its_workloads_still_tell(tenant: Tenant) -> None:
    tenant.put_app("app", [unwell("slow", "crash"), claim("data")], wait=False, timeout="2s")

    tenant.wait_ready("app", 5)

    until(lambda: "CrashLoopBackOff" in workloads(tenant)["Deployment/slow"][1], "the trouble is told", LOOKED_AGAIN)
    unhealthy = until(
        lambda: c if (c := tenant.condition("app", "WorkloadsHealthy"))["status"] == "False" else None,
        "and that it lasts longer than it should",
    )
    assert unhealthy["reason"] == "WorkloadsUnhealthy"
    assert tenant.condition("app")["status"] == "True"
    assert not tenant.condition("app", "Reconciling")


def test_a_workload_that_fails_later_is_noticed_without_a_change_of_the_app(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example", PUBLIC)], timeout="2s")
    tenant.wait_ready("app")
    pod = until(lambda: tenant.all("pods"), "its pod is there")[0]["metadata"]["name"]

    status = {"status": {"conditions": [{"type": "Ready", "status": "False"}], "phase": "Running"}}
    tenant.world.api.merge(f"{tenant.path('pods', pod)}/status", status)

    until(lambda: tenant.condition("app")["status"] != "True", "it is noticed", 5)
    tenant.kubectl("delete", "pod", pod, "--wait=false")
    tenant.wait_ready("app")


def test_a_longer_timeout_counts_after_a_restart_too(tenant: Tenant, operator: Operator) -> None:
    tenant.put_app("app", [unwell("slow", "unready")], timeout="1s")
    tenant.wait_reason("app", "WorkloadsUnhealthy")
    operator.stop()
    operator.start()

    tenant.put_app("app", [unwell("slow", "unready")], timeout="1h")

    tenant.wait_reason("app", "Progressing")
    stays(lambda: tenant.condition("app")["reason"] == "Progressing", "it has its time", 1)


def test_a_container_that_crashes_after_each_start_is_told_and_never_called_ready_again(
    tenant: Tenant, tmp_path: Path
) -> None:
    with recording(tenant, tmp_path) as record:
        tenant.put_app("app", [unwell("flapping", "crash-loop")], timeout="4s")

        ready = tenant.wait_reason("app", "WorkloadsUnhealthy", 40)
        until(lambda: restarts(tenant) >= 3, "it is restarted again and again", 40)
        loop = record.statuses("app")
        tenant.put_app("app", [deployment("flapping", PUBLIC)], timeout="4s")
        tenant.wait_ready("app")

    # Before its first crash nobody can tell it from one that stays up.
    crashed = next(i for i, (status, _, _) in enumerate(loop) if "exit code 1" in str(status.get("workloads")))
    assert [ready_status(status) for status, _, _ in loop[crashed:]].count("True") == 0
    assert "container main: CrashLoopBackOff: exit code 1" in ready["message"]
    assert len(loop) - crashed < 10, "the loop alone writes no status"


def test_a_container_that_was_restarted_is_called_ready_once_it_has_stayed_up(tenant: Tenant) -> None:
    tenant.put_app("app", [unwell("late", "crash-loop:1")])
    until(lambda: restarts(tenant) == 1, "it was restarted")

    tenant.wait_ready("app")

    began = tenant.all("pods")[0]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    since = tenant.condition("app", "WorkloadsHealthy")["lastTransitionTime"]
    assert datetime.fromisoformat(since) - datetime.fromisoformat(began) >= timedelta(seconds=9)


def test_what_the_node_told_of_a_pod_alone_is_told_of_its_workload(tenant: Tenant) -> None:
    tenant.put_app("app", [unwell("stuck", "creating")], timeout="2s")
    pod = until(lambda: tenant.all("pods"), "its pod is there")[0]["metadata"]
    reported = 'MountVolume.SetUp failed for volume "settings" : configmap "my-settings" not found'
    event = {
        "metadata": {"name": "told", "namespace": tenant.namespace},
        "involvedObject": {"kind": "Pod", "name": pod["name"], "namespace": tenant.namespace, "uid": pod["uid"]},
        "type": "Warning",
        "reason": "FailedMount",
        "message": reported,
        "lastTimestamp": pod["creationTimestamp"],
    }
    tenant.world.api.create(tenant.path("events"), event)

    until(
        lambda: f"FailedMount: {reported}" in tenant.condition("app")["message"],
        "the missing ConfigMap is named",
        LOOKED_AGAIN,
    )
    assert pod["name"] not in str(tenant.status("app"))


def test_a_longer_timeout_counts_when_the_restarted_operator_has_looked_before(
    tenant: Tenant, operator: Operator
) -> None:
    tenant.put_app("app", [unwell("slow", "unready")], timeout="1s")
    tenant.wait_reason("app", "WorkloadsUnhealthy")
    operator.stop()
    operator.start()
    tenant.kubectl("annotate", "kotsapp", "app", "kotsapp.dev/requestedAt=now")
    until(lambda: tenant.status("app").get("lastHandledRequestedAt") == "now", "the new operator has looked at it")
    assert tenant.condition("app")["reason"] == "WorkloadsUnhealthy"

    tenant.put_app("app", [unwell("slow", "unready")], timeout="1h")

    tenant.wait_reason("app", "Progressing")
    stays(lambda: tenant.condition("app")["reason"] == "Progressing", "it has its time", 1)
