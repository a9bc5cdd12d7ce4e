"""A container that starts and then crashes, seen at every moment of its life: never called healthy between crashes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kotsapp.health.assess import Health, WorkloadFacts, WorkloadState, assess, facts, needs_pods, summary

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
RAN, BACKED_OFF = 2, 20
LOOP = "container main: CrashLoopBackOff: exit code 1"


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def now(seconds: float) -> float:
    return START.timestamp() + seconds


def running(restarts: int, *, ready: bool = True, code: int = 1) -> dict[str, Any]:
    """Up since START, after a crash."""
    down = {"startedAt": at(-BACKED_OFF - RAN), "finishedAt": at(-BACKED_OFF), "exitCode": code, "reason": "Error"}
    return {
        "name": "main",
        "restartCount": restarts,
        "ready": ready,
        "started": True,
        "state": {"running": {"startedAt": at(0)}},
        "lastState": {"terminated": down},
    }


def backing_off(restarts: int, *, code: int = 1) -> dict[str, Any]:
    down = {"startedAt": at(0), "finishedAt": at(RAN), "exitCode": code, "reason": "Error"}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container=main pod=api-x_t1(u)"}
    return running(restarts) | {"ready": False, "state": {"waiting": waiting}, "lastState": {"terminated": down}}


def just_down(restarts: int, *, code: int = 1) -> dict[str, Any]:
    ended = {"startedAt": at(0), "finishedAt": at(RAN), "exitCode": code, "reason": "Error"}
    return running(restarts) | {"ready": False, "started": False, "state": {"terminated": ended}}


def pod(
    container: dict[str, Any], name: str = "api-7d9f8c-a", *, owner: str = "ReplicaSet", **spec: Any
) -> dict[str, Any]:
    names = {"ReplicaSet": "api-7d9f8c"}
    reference = {"kind": owner, "name": names.get(owner, "api"), "uid": "w-1", "controller": True}
    ready = "True" if container["ready"] else "False"
    return {
        "metadata": {"name": name, "uid": name, "ownerReferences": [reference]},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "main", "image": "busybox"}], **spec},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [container],
        },
    }


def workload(kind: str, ready: int, desired: int = 1) -> WorkloadFacts:
    counts: dict[str, Any] = {"observedGeneration": 1, "replicas": desired, "updatedReplicas": desired}
    counts |= {"readyReplicas": ready, "unavailableReplicas": desired - ready}
    if kind == "DaemonSet":
        counts = {"observedGeneration": 1, "numberReady": ready, "numberUnavailable": desired - ready}
        counts |= dict.fromkeys(("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled"), desired)
    return facts(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "api", "uid": "w-1", "generation": 1},
            "spec": {"replicas": desired, "selector": {"matchLabels": {"app": "api"}}},
            "status": counts,
        }
    )


KINDS = [("Deployment", "ReplicaSet"), ("StatefulSet", "StatefulSet"), ("DaemonSet", "DaemonSet")]
KINDS += [("ReplicaSet", "ReplicaSet")]


@pytest.mark.parametrize(("kind", "owner"), KINDS)
@pytest.mark.parametrize("code", [1, 0, 137])
def test_a_loop_is_the_same_in_all_its_moments(kind: str, owner: str, code: int) -> None:
    moments = [
        (workload(kind, 1), running(2, code=code), 0.0),
        (workload(kind, 1), running(2, code=code), RAN),
        (workload(kind, 0), just_down(2, code=code), RAN),
        (workload(kind, 0), backing_off(2, code=code), RAN + 10),
        (workload(kind, 1), running(5, code=code), 1.0),
    ]

    reported = {
        (health.state, health.message)
        for fact, container, moment in moments
        for health in [assess(fact, [_owned(pod(container, owner=owner), kind)], now=now(moment))]
    }

    assert {message for _, message in reported} == {f"container main: CrashLoopBackOff: exit code {code}"}
    # A DaemonSet with a node short is Degraded by its own status.
    assert {state for state, _ in reported} - {WorkloadState.UNAVAILABLE} == set()


def _owned(made: dict[str, Any], kind: str) -> dict[str, Any]:
    if kind == "ReplicaSet":
        made["metadata"]["ownerReferences"][0] |= {"name": "api", "uid": "w-1"}
    return made


def test_it_is_healthy_once_it_has_stayed_up_and_says_when_to_look_again() -> None:
    fact, pods = workload("Deployment", 1), [pod(running(2))]

    held = assess(fact, pods, now=now(5))

    assert held == Health(WorkloadState.UNAVAILABLE, LOOP)
    assert held.settles_in == BACKED_OFF - 5
    assert assess(fact, pods, now=now(BACKED_OFF)) == Health(WorkloadState.READY)


def test_one_restart_is_waited_for_and_not_called_a_loop() -> None:
    fact = workload("Deployment", 1)
    assert assess(fact, [pod(running(1))], now=now(5)) == Health(
        WorkloadState.UPDATING, "container main: ended: exit code 1"
    )
    assert assess(workload("Deployment", 0), [pod(just_down(0))], now=now(RAN)) == Health(
        WorkloadState.UNAVAILABLE, "container main: ended: exit code 1"
    )


def test_what_never_was_restarted_is_healthy_at_once() -> None:
    fresh = running(0) | {"lastState": {}}
    assert assess(workload("Deployment", 1), [pod(fresh)], now=now(0)) == Health(WorkloadState.READY)


def test_one_loop_among_pods_that_stay_up_is_degraded_in_all_its_moments() -> None:
    fine = [pod(running(0) | {"lastState": {}}, f"api-7d9f8c-{name}") for name in "bc"]
    for ready, container in ((3, running(2)), (2, backing_off(2)), (2, just_down(2))):
        health = assess(workload("Deployment", ready, 3), [*fine, pod(container)], now=now(RAN))
        assert health == Health(WorkloadState.DEGRADED, LOOP)


def test_several_loops_out_of_step_are_unavailable_in_all_their_moments() -> None:
    for ready, containers in (
        (2, (running(2), running(3))),
        (1, (running(2), backing_off(3))),
        (0, (backing_off(2), just_down(3))),
    ):
        pods = [pod(container, f"api-7d9f8c-{i}") for i, container in enumerate(containers)]
        assert assess(workload("Deployment", ready, 2), pods, now=now(1)) == Health(WorkloadState.UNAVAILABLE, LOOP)


def test_a_crashing_sidecar_counts_as_a_container_does_and_an_init_container_that_is_done_does_not() -> None:
    init = [{"name": "proxy", "restartPolicy": "Always"}, {"name": "migrate"}]
    made = pod(running(0) | {"lastState": {}}, initContainers=init)
    done = {"terminated": {"exitCode": 0, "startedAt": at(-1), "finishedAt": at(0), "reason": "Completed"}}
    made["status"]["initContainerStatuses"] = [
        running(3) | {"name": "proxy"},
        running(4) | {"name": "migrate", "state": done, "started": False},
    ]

    health = assess(workload("Deployment", 1), [made], now=now(1))

    assert health == Health(WorkloadState.UNAVAILABLE, "sidecar container proxy: CrashLoopBackOff: exit code 1")
    assert assess(workload("Deployment", 1), [made], now=now(60)) == Health(WorkloadState.READY)


def test_what_crashed_long_ago_and_fails_its_probe_now_is_no_loop() -> None:
    probe = {"name": "main", "readinessProbe": {"tcpSocket": {"port": 80}}}
    made = pod(running(5, ready=False), containers=[probe])
    assert assess(workload("Deployment", 0), [made], now=now(1)).message == LOOP
    later = assess(workload("Deployment", 0), [made], now=now(60))
    assert later.message == "container main: readiness probe (TCP :80) has not passed yet"


@pytest.mark.parametrize("restarts", [2, 7])
def test_an_init_containers_loop_is_the_same_in_all_its_moments(restarts: int) -> None:
    for container in (running(restarts, ready=False), just_down(restarts), backing_off(restarts)):
        made = pod(running(0) | {"ready": False, "state": {"waiting": {"reason": "PodInitializing"}}, "lastState": {}})
        made["spec"]["initContainers"] = [{"name": "migrate"}]
        made["status"] |= {"phase": "Pending", "initContainerStatuses": [container | {"name": "migrate"}]}
        health = assess(workload("Deployment", 0), [made], now=now(1))
        assert health.message == "init container migrate: CrashLoopBackOff: exit code 1"


def test_a_bare_pod_is_held_back_by_its_own_status() -> None:
    def bare(container: dict[str, Any]) -> WorkloadFacts:
        return facts({"apiVersion": "v1", "kind": "Pod"} | pod(container))

    assert not needs_pods(bare(running(0)), was_ready=False)
    assert assess(bare(running(2)), now=now(1)) == Health(WorkloadState.UNAVAILABLE, LOOP)
    assert assess(bare(running(2)), now=now(1)).settles_in == BACKED_OFF - 1
    assert assess(bare(backing_off(2)), now=now(1)) == Health(WorkloadState.UNAVAILABLE, LOOP)
    assert assess(bare(running(1)), now=now(1)).state is WorkloadState.UPDATING
    assert assess(bare(running(2)), now=now(BACKED_OFF)) == Health(WorkloadState.READY)


def test_only_what_was_not_ready_before_has_its_pods_read() -> None:
    ready = workload("Deployment", 1)
    assert not needs_pods(ready, was_ready=True)
    assert needs_pods(ready, was_ready=False)
    complete = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"selector": {"matchLabels": {"a": "b"}}}} | complete
    assert not needs_pods(facts(job), was_ready=False)


def test_a_job_that_tries_again_in_place_is_not_unavailable() -> None:
    fact = facts(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "api", "uid": "w-1"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}},
        }
    )
    once = pod(just_down(0), owner="Job", restartPolicy="OnFailure")
    loop = pod(backing_off(3), owner="Job", restartPolicy="OnFailure")
    assert assess(fact, [once], now=now(RAN)) == Health(WorkloadState.UPDATING, "container main: ended: exit code 1")
    assert assess(fact, [loop], now=now(RAN)) == Health(WorkloadState.UNAVAILABLE, LOOP)


def test_the_summary_says_when_the_first_of_them_may_be_well() -> None:
    healths = [("a", Health(WorkloadState.UPDATING, "x", 7.0)), ("b", Health(WorkloadState.UPDATING, "y", 3.0))]
    assert summary(healths).settles_in == 3.0
    assert summary([("a", Health(WorkloadState.UPDATING, "x"))]).settles_in is None
