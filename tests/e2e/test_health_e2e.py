"""The health of what runs, per workload, by what controllers and the node really report."""

from harness.apps import PRIVATE, PROXIED, PUBLIC, Object, Tenant, config_map, deployment
from harness.objects import claim, cron_job, daemon_set, job, obj, pod_spec, stateful_set, template
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

    tenant.wait_reason("app", "WorkloadsUnhealthy")

    def told() -> bool:
        message = str(tenant.condition("app")["message"])
        return "Deployment/example" in message and PROXIED in message and "ImagePull" in message

    until(told, "the image is named", LOOKED_AGAIN)
    until(lambda: workloads(tenant)["Deployment/fine"] == ("Ready", ""), "the other one is well", LOOKED_AGAIN)


def test_a_pod_that_crashes_and_a_job_that_fails_say_so(tenant: Tenant) -> None:
    objects = [unwell("crashing", "crash"), job("failing", outcome="fail", backoffLimit=0)]
    tenant.put_app("app", objects, timeout="2s")

    tenant.wait_reason("app", "WorkloadsUnhealthy")

    def told() -> bool:
        found = workloads(tenant)
        crashing, failing = found["Deployment/crashing"], found["Job/failing"]
        return "CrashLoopBackOff" in crashing[1] and failing[0] == "Unavailable" and bool(failing[1])

    until(told, f"the workloads' messages say why; {workloads(tenant)}", LOOKED_AGAIN)


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
