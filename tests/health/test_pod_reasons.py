"""Reasons that the pod knows, in the words that a person needs, and the same for every pod of the workload."""

from typing import Any

import pytest

from kotsapp.health.assess import Health, WorkloadFacts, WorkloadState, assess, events_wanted, facts, summary

NAME = "api-7d9f8c-x2x4z"
BORN, NOW = "2026-01-01T12:00:00Z", 1767268860.0  # a minute later


def workload(kind: str = "Deployment", **status: Any) -> WorkloadFacts:
    return facts(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "api", "uid": "w-1", "generation": 1},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "api"}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1} | status,
        }
    )


def pod(container: dict[str, Any], *, name: str = NAME, spec: Any = None, **status: Any) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": name.rpartition("-")[0], "uid": "rs", "controller": True}
    status = {"phase": "Pending", "podIP": "10.0.0.7", "containerStatuses": [{"name": "main"} | container]} | status
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": BORN, "ownerReferences": [owner]},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "main", "image": "busybox"} | (spec or {})]},
        "status": status,
    }


def event(reason: str, message: str, *, at: int = 30, about: str = f"uid-{NAME}", container: str = "main") -> Any:
    involved = {"uid": about, "fieldPath": f"spec.containers{{{container}}}"}
    return {
        "reason": reason,
        "message": message,
        "involvedObject": involved,
        "lastTimestamp": f"2026-01-01T12:00:{at:02}Z",
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"ready": False, "state": {"waiting": {"reason": reason, "message": message}}} | more


def running(*, started: bool = True, ready: bool = False) -> dict[str, Any]:
    return {"ready": ready, "started": started, "restartCount": 0, "state": {"running": {"startedAt": BORN}}}


def message(*pods: dict[str, Any], events: Any = (), fact: WorkloadFacts | None = None) -> str:
    return assess(fact or workload(), pods, now=NOW, events=events).message


MOUNT = 'MountVolume.SetUp failed for volume "settings" : configmap "my-settings" not found'
CREATING = waiting("ContainerCreating")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("FailedMount", MOUNT)], f"FailedMount: {MOUNT}"),
        (
            [
                event("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[settings]", at=40),
                event("FailedMount", MOUNT),
            ],
            f"FailedMount: {MOUNT}",
        ),
        ([event("FailedMount", MOUNT), event("Pulling", "Pulling image", at=31)], "0 of 1 replicas ready"),
        ([event("FailedMount", MOUNT, about="another pod")], "0 of 1 replicas ready"),
        (
            [event("FailedCreatePodSandBox", f'plugin failed (add): pod "apps_{NAME}": no IP left')],
            'FailedCreatePodSandBox: plugin failed (add): pod "apps_POD": no IP left',
        ),
        ([event("Scheduled", "Successfully assigned")], "0 of 1 replicas ready"),
    ],
)
def test_what_keeps_a_pod_from_being_set_up(events: list[Any], expected: str) -> None:
    assert message(pod(CREATING), events=events) == expected


def test_two_volumes_that_are_tried_in_turns_are_one_message() -> None:
    other = MOUNT.replace("settings", "keys")
    reported = {
        message(pod(CREATING), events=[event("FailedMount", MOUNT, at=a), event("FailedMount", other, at=b)])
        for a, b in ((10, 20), (30, 20))
    }
    assert len(reported) == 1


GET = {"readinessProbe": {"httpGet": {"path": "/healthz?token=hunter2", "port": 8080}}}
COMMAND = {"readinessProbe": {"exec": {"command": ["check", "--password", "hunter2"]}}}
STARTUP = {"startupProbe": {"tcpSocket": {"port": 5432}}, **GET}


@pytest.mark.parametrize(
    ("spec", "container", "events", "expected"),
    [
        (GET, running(), [], "container main: readiness probe (GET :8080/healthz) has not passed yet"),
        (
            GET,
            running(),
            [
                event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
                event("Unhealthy", "Readiness probe failed: dial tcp 10.0.0.7:8080: connection refused", at=20),
                event("Unhealthy", "Readiness probe failed: i/o timeout", at=50, container="other"),
            ],
            "container main: readiness probe (GET :8080/healthz) fails: HTTP status 503",
        ),
        (
            COMMAND,
            running(),
            [event("Unhealthy", "Readiness probe failed: hunter2 is no password")],
            "container main: readiness probe (command) fails",
        ),
        (STARTUP, running(started=False), [], "container main: startup probe (TCP :5432) has not passed yet"),
        (STARTUP, running(), [], "container main: readiness probe (GET :8080/healthz) has not passed yet"),
        ({}, running(), [], "0 of 1 replicas ready"),
        (GET, running(ready=True), [], "0 of 1 replicas ready"),
    ],
)
def test_a_probe_that_does_not_pass(spec: Any, container: Any, events: list[Any], expected: str) -> None:
    assert message(pod(container, spec=spec, phase="Running"), events=events) == expected


def ended(code: int, reason: str = "Error", text: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": text}}


RUNC = 'OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": not found'
KILLED = "killed, its liveness probe failed (context deadline exceeded)"
LIVENESS = {"livenessProbe": {"httpGet": {"path": "/", "port": 80}}}


@pytest.mark.parametrize(
    "container",
    [
        waiting("RunContainerError", f"failed to create containerd task: {RUNC}: unknown", restartCount=1),
        waiting("CrashLoopBackOff", "back-off 10s", lastState=ended(128, "StartError", f"{RUNC}: unknown")),
        {"ready": False, "restartCount": 0, "state": ended(128, "StartError", f"{RUNC}: unknown")},
        {"ready": False, "restartCount": 9, "state": ended(127, "ContainerCannotRun", f"{RUNC}: unknown")},
    ],
)
def test_a_command_that_the_image_does_not_have_is_one_message(container: dict[str, Any]) -> None:
    assert message(pod(container, phase="Running")) == 'container main: StartError: exec: "serve": not found'


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "container main: CrashLoopBackOff: exit code 137"),
        (
            [
                event("Unhealthy", 'Liveness probe failed: Get "http://10.0.0.7:80/": context deadline exceeded'),
                event("Killing", "Container main failed liveness probe, will be restarted"),
            ],
            f"container main: CrashLoopBackOff: {KILLED}, exit code 137",
        ),
        ([event("Killing", "Stopping container main")], "container main: CrashLoopBackOff: exit code 137"),
        (
            [event("Killing", "Container other failed liveness probe, will be restarted", container="other")],
            "container main: CrashLoopBackOff: exit code 137",
        ),
    ],
)
def test_what_its_liveness_probe_kills(events: list[Any], expected: str) -> None:
    crashing = waiting("CrashLoopBackOff", "back-off 10s", restartCount=3, lastState=ended(137))
    assert message(pod(crashing, spec=LIVENESS, phase="Running"), events=events) == expected


def test_what_its_liveness_probe_kills_is_told_between_the_kills_too() -> None:
    events = [event("Killing", "Container main failed liveness probe, will be restarted")]
    again = running(ready=True) | {"restartCount": 3, "lastState": ended(137)}
    again["state"] = {"running": {"startedAt": "2026-01-01T12:00:58Z"}}
    up = pod(again, spec=LIVENESS, phase="Running")
    down = pod(waiting("CrashLoopBackOff", restartCount=3, lastState=ended(137)), spec=LIVENESS, phase="Running")
    ready, unready = workload(readyReplicas=1), workload()

    assert {events_wanted(ready, [up], NOW), events_wanted(unready, [down], NOW)} == {f"uid-{NAME}"}
    reported = {message(up, fact=ready, events=events), message(down, fact=unready, events=events)}
    assert reported == {"container main: CrashLoopBackOff: killed, its liveness probe failed, exit code 137"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "reason": "SchedulingGated", "message": "gated"}]},
            "SchedulingGated: gated",
        ),
        (
            {"conditions": [{"type": "Ready", "reason": "ReadinessGatesNotReady", "message": f"gate of {NAME} open"}]},
            "ReadinessGatesNotReady: gate of POD open",
        ),
        (
            {"initContainerStatuses": [{"name": "wait-for-db", "state": {"running": {}}, "ready": False}]},
            "init container wait-for-db: running",
        ),
        (
            {"initContainerStatuses": [{"name": "wait-for-db", "state": ended(0, "Completed"), "ready": True}]},
            "0 of 1 replicas ready",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "main"} | waiting("CreateContainerError", f"name main_{NAME}_x is reserved")
                ]
            },
            "container main: CreateContainerError: name main_POD_x is reserved",
        ),
    ],
)
def test_other_reasons(status: dict[str, Any], expected: str) -> None:
    assert message(pod(waiting("PodInitializing"), **status)) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(pod(CREATING), f"uid-{NAME}", id="it is not set up"),
        pytest.param(pod(running(), spec=GET, phase="Running"), f"uid-{NAME}", id="its probe does not pass"),
        pytest.param(pod(waiting("ErrImagePull", "denied")), None, id="its status says it all"),
        pytest.param(pod(waiting("CrashLoopBackOff", lastState=ended(1))), None, id="it crashes by itself"),
        pytest.param(
            pod(waiting("CrashLoopBackOff", lastState=ended(137)), spec=LIVENESS), f"uid-{NAME}", id="perhaps killed"
        ),
        pytest.param(pod(running(ready=True), phase="Running"), None, id="it runs"),
    ],
)
def test_events_are_asked_for_only_where_the_status_does_not_say(made: dict[str, Any], expected: str | None) -> None:
    assert events_wanted(workload(), [made], NOW) == expected
    assert events_wanted(workload(), [made], NOW - 55) is None, "young pods have nothing to tell"
    assert events_wanted(workload(readyReplicas=1), [made], NOW) is None


def test_a_controller_that_can_make_no_pods_says_why() -> None:
    fact = workload("StatefulSet")
    quota = 'create Pod api-0 in StatefulSet api failed error: pods "api-0" is forbidden: exceeded quota: small'
    assert events_wanted(fact, [], NOW) == "w-1"
    assert message(fact=fact, events=[event("FailedCreate", quota, about="w-1")]) == f"FailedCreate: {quota}"
    assert message(fact=fact) == "0 of 1 replicas ready"
    assert events_wanted(workload(), [], NOW) is None, "a Deployment's own condition has it"


def test_pods_of_a_deployments_old_revision_are_passed_over() -> None:
    progress = {"type": "Progressing", "status": "True", "message": 'ReplicaSet "api-new" is progressing.'}
    old = pod(waiting("ErrImagePull", "denied"), name="api-old-1")
    new = pod(CREATING, name="api-new-1")
    assert message(old, new, fact=workload(conditions=[progress])) == "0 of 1 replicas ready"
    assert message(old, fact=workload(conditions=[progress])).endswith("ImagePullBackOff: denied")
    assert message(old, new).endswith("ImagePullBackOff: denied")


def test_a_stateful_sets_newest_revision_is_told_first_and_an_older_one_that_is_in_its_way_else() -> None:
    def member(number: int, revision: str, container: dict[str, Any]) -> dict[str, Any]:
        made = pod(container, name=f"api-{number}")
        made["metadata"]["labels"] = {"controller-revision-hash": revision}
        made["metadata"]["ownerReferences"][0] |= {"kind": "StatefulSet", "uid": "w-1"}
        return made

    fact = workload("StatefulSet", updateRevision="api-2", currentRevision="api-1")
    old = member(0, "api-1", waiting("ErrImagePull", "denied"))
    new = member(1, "api-2", waiting("CrashLoopBackOff", lastState=ended(1)))
    assert message(old, new, fact=fact) == "container main: CrashLoopBackOff: exit code 1"
    assert message(old, fact=fact).endswith("ImagePullBackOff: denied")


def test_a_daemon_sets_newest_template_is_told_first() -> None:
    obj = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "api", "uid": "w-1", "annotations": {"deprecated.daemonset.template.generation": "2"}},
        "status": {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 1},
    }
    made = [pod(waiting("ErrImagePull", "denied")), pod(waiting("CrashLoopBackOff", lastState=ended(1)))]
    for generation, one in enumerate(made, start=1):
        one["metadata"]["labels"] = {"pod-template-generation": str(generation)}
        one["metadata"]["ownerReferences"][0] |= {"kind": "DaemonSet", "uid": "w-1"}
    assert message(*made, fact=facts(obj)) == "container main: CrashLoopBackOff: exit code 1"


def test_equal_troubles_are_told_once_with_the_names() -> None:
    denied = Health(WorkloadState.UNAVAILABLE, "denied")
    healths = [(f"Deployment/{name}", denied) for name in "edcba"]
    healths += [("Job/z", Health(WorkloadState.UPDATING, "0 of 1 completed"))]
    assert summary(healths).message == (
        "Deployment/a, Deployment/b, Deployment/c and 2 more are Unavailable: denied;"
        " Job/z is Updating: 0 of 1 completed"
    )
