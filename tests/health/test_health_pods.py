"""What the pods of a workload add to its health: which image can't be pulled and why, what crashes, what waits."""

import random
from typing import Any

import pytest

from kotsapp.health.assess import Health, WorkloadFacts, WorkloadState, assess, facts

IMAGE = "quay.io/my-org/api:v1.0.1"
UNAUTHORIZED = f'failed to resolve reference "{IMAGE}": unexpected status from HEAD request: 401 UNAUTHORIZED'


def deployment(*, ready: int = 0) -> WorkloadFacts:
    return facts(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "api", "uid": "d-1", "generation": 1},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "api"}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready},
        }
    )


def pod(
    *containers: dict[str, Any],
    images: dict[str, str] | None = None,
    owner: tuple[str, str, str] | None = None,
    **status: Any,
) -> dict[str, Any]:
    kind, name, uid = owner or ("ReplicaSet", "api-7d9f8c", "rs-1")
    spec = [{"name": name, "image": image} for name, image in (images or {"api": IMAGE}).items()]
    return {
        "metadata": {"name": "api-7d9f8c-x2x4z", "ownerReferences": [owner_reference(kind, name, uid)]},
        "spec": {"containers": spec},
        "status": {"phase": "Pending", "containerStatuses": list(containers)} | status,
    }


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "uid": uid, "controller": True}


def waiting(reason: str, message: str = "", name: str = "api", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "sha256:1", "state": {"waiting": {"reason": reason, "message": message}}} | more


def crashed(exit_code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": reason, "message": "password=hunter2"}}


def test_a_refused_pull_is_told_with_the_reference_and_the_registrys_answer() -> None:
    health = assess(deployment(), [pod(waiting("ErrImagePull", f"rpc error: code = Unknown desc = {UNAUTHORIZED}"))])
    assert health == Health(WorkloadState.UNAVAILABLE, f"{IMAGE}: ImagePullBackOff: {UNAUTHORIZED}")


@pytest.mark.parametrize(
    "container",
    [
        waiting("ErrImagePull", UNAUTHORIZED),
        waiting("ErrImagePull", f"rpc error: code = NotFound desc = {UNAUTHORIZED}"),
        waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {UNAUTHORIZED}'),
        waiting(
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}": ErrImagePull: rpc error: code = Unknown desc = {UNAUTHORIZED}',
        ),
    ],
)
def test_the_message_is_the_same_between_and_during_back_offs(container: dict[str, Any]) -> None:
    assert assess(deployment(), [pod(container)]).message == f"{IMAGE}: ImagePullBackOff: {UNAUTHORIZED}"


def test_the_answer_is_kept_while_an_older_kubelet_backs_off_without_repeating_it() -> None:
    failing = assess(deployment(), [pod(waiting("ErrImagePull", UNAUTHORIZED))]).message
    backing_off = pod(waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'))
    assert assess(deployment(), [backing_off], failing).message == failing
    assert assess(deployment(), [backing_off]).message == f"{IMAGE}: ImagePullBackOff"
    answered = pod(waiting("ErrImagePull", "denied"))
    assert assess(deployment(), [answered], f"{IMAGE}: ImagePullBackOff: denied: try again").message.endswith(
        ": denied"
    )
    other = failing.replace("v1.0.1", "v1.0.0")
    assert assess(deployment(), [backing_off], other).message == f"{IMAGE}: ImagePullBackOff"


def test_the_reference_of_an_image_volume_is_told_not_the_containers() -> None:
    container = waiting("ImagePullBackOff", 'Back-off pulling image "quay.io/my-org/model:1": ErrImagePull: not found')
    message = assess(deployment(), [pod(container)]).message
    assert message == "quay.io/my-org/model:1: ImagePullBackOff: not found"


def test_an_init_containers_pull_counts() -> None:
    stuck = pod(waiting("PodInitializing"), initContainerStatuses=[waiting("ErrImagePull", "denied", "migrate")])
    stuck["spec"]["initContainers"] = [{"name": "migrate", "image": "ghcr.io/org/migrate:2"}]
    assert assess(deployment(), [stuck]).message == "ghcr.io/org/migrate:2: ImagePullBackOff: denied"


def test_credentials_and_queries_of_urls_never_reach_the_message() -> None:
    reported = (
        'failed to copy: Get "https://user:hunter2@cdn.invalid/blob?X-Amz-Signature=abcdef&X-Amz-Date=1": 403 Forbidden'
    )
    message = assess(deployment(), [pod(waiting("ErrImagePull", reported))]).message
    assert message.endswith('failed to copy: Get "https://cdn.invalid/blob": 403 Forbidden')


def test_a_long_pull_error_keeps_its_end_where_the_answer_is() -> None:
    message = assess(deployment(), [pod(waiting("ErrImagePull", "x" * 5000 + ": 401 Unauthorized"))]).message
    assert message.endswith("xxx: 401 Unauthorized")
    assert len(message) < 500


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (waiting("CrashLoopBackOff", lastState=crashed(1)), "container api: CrashLoopBackOff: exit code 1"),
        (
            waiting("CrashLoopBackOff", lastState=crashed(137, "OOMKilled")),
            "container api: CrashLoopBackOff: exit code 137 (OOMKilled)",
        ),
        (
            {"name": "api", "state": {"running": {}}, "restartCount": 2, "ready": False, "lastState": crashed(1)},
            "container api: CrashLoopBackOff: exit code 1",
        ),
        (
            {"name": "api", "state": crashed(1), "restartCount": 4, "ready": False},
            "container api: CrashLoopBackOff: exit code 1",
        ),
        (
            {"name": "api", "state": {"running": {}}, "restartCount": 1, "ready": False, "lastState": crashed(1)},
            "0 of 1 replicas ready",
        ),
        (
            {"name": "api", "state": {"running": {}}, "restartCount": 9, "ready": True, "lastState": crashed(1)},
            "0 of 1 replicas ready",
        ),
        (
            waiting("CreateContainerConfigError", 'secret "db" not found'),
            'container api: CreateContainerConfigError: secret "db" not found',
        ),
        (waiting("InvalidImageName", "couldn't parse"), f"{IMAGE}: InvalidImageName: couldn't parse"),
        (waiting("ContainerCreating"), "0 of 1 replicas ready"),
        (waiting("PodInitializing"), "0 of 1 replicas ready"),
    ],
)
def test_what_else_keeps_a_container_from_running(container: dict[str, Any], message: str) -> None:
    assert assess(deployment(), [pod(container)]).message == message


def test_a_pod_that_fits_no_node_is_told() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes fit"}
    assert assess(deployment(), [pod(conditions=[unscheduled])]).message == "Unschedulable: 0/3 nodes fit"


def test_pulls_are_told_before_crashes_whatever_the_order_of_the_pods() -> None:
    pods = [
        pod(waiting("CrashLoopBackOff", lastState=crashed(1))),
        pod(waiting("ImagePullBackOff")),
        pod(waiting("ErrImagePull", UNAUTHORIZED)),
        pod(waiting("CreateContainerConfigError", "no key")),
    ]
    expected = f"{IMAGE}: ImagePullBackOff: {UNAUTHORIZED}"
    for seed in range(5):
        random.Random(seed).shuffle(pods)
        assert assess(deployment(), pods).message == expected


def test_pods_that_do_not_count() -> None:
    deleting = pod(waiting("ErrImagePull", UNAUTHORIZED))
    deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    evicted = pod(phase="Failed", reason="Evicted", message="low on memory")
    same_labels = pod(waiting("ErrImagePull", UNAUTHORIZED), owner=("Job", "api-migrate", "j-1"))
    longer_name = pod(waiting("ErrImagePull", UNAUTHORIZED), owner=("ReplicaSet", "api-worker-7d9f8c", "rs-2"))
    assert assess(deployment(), [deleting, evicted, same_labels, longer_name]).message == "0 of 1 replicas ready"


def test_a_pod_that_nobody_owns_yet_counts_and_one_of_a_namesake_from_before_does_not() -> None:
    unowned = pod(waiting("ErrImagePull", UNAUTHORIZED))
    unowned["metadata"]["ownerReferences"] = []
    assert assess(deployment(), [unowned]).state is WorkloadState.UNAVAILABLE
    assert assess(deployment(), [unowned]).message.endswith(UNAUTHORIZED)
    namesakes = pod(waiting("ErrImagePull", UNAUTHORIZED), owner=("Job", "migrate", "j-0"))
    assert assess(job(active=1), [namesakes]) == Health(WorkloadState.UPDATING, "0 of 1 completed")


def test_a_ready_workload_is_not_judged_by_its_pods() -> None:
    assert assess(deployment(ready=1), [pod(waiting("ErrImagePull", UNAUTHORIZED))]) == Health(WorkloadState.READY)


def job(**status: Any) -> WorkloadFacts:
    selector = {"matchLabels": {"controller-uid": "j-1"}}
    return facts(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "migrate", "uid": "j-1"},
            "spec": {"completions": 1, "selector": selector},
            "status": status,
        }
    )


def test_a_job_that_can_not_start_is_unavailable_and_one_that_tries_again_is_not() -> None:
    owner = ("Job", "migrate", "j-1")
    stuck = pod(waiting("ErrImagePull", UNAUTHORIZED), owner=owner)
    assert assess(job(active=1), [stuck]) == Health(
        WorkloadState.UNAVAILABLE, f"{IMAGE}: ImagePullBackOff: {UNAUTHORIZED}"
    )
    first_try = pod({"name": "migrate", "state": crashed(3)}, owner=owner, phase="Failed")
    second_try = pod({"name": "migrate", "state": {"running": {}}}, owner=owner, phase="Running")
    assert assess(job(active=1, failed=1), [first_try, second_try]) == Health(
        WorkloadState.UPDATING, "container migrate: failed: exit code 3"
    )


def test_a_cron_job_whose_run_can_not_pull_is_degraded() -> None:
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report", "uid": "c-1"},
        "spec": {"schedule": "@hourly"},
        "status": {"active": [{"name": "report-29384756"}, {"name": "report-29384816"}]},
    }
    assert facts(cron_job).selector == "job-name in (report-29384756,report-29384816)"
    stuck = pod(waiting("ErrImagePull", UNAUTHORIZED), owner=("Job", "report-29384756", "j-7"))
    assert assess(facts(cron_job), [stuck]).state is WorkloadState.DEGRADED
    assert assess(facts(cron_job), []).state is WorkloadState.READY


@pytest.mark.parametrize(
    ("kind", "selector", "expected"),
    [
        ("Deployment", {"matchLabels": {"tier": "web", "app": "api"}}, "app=api,tier=web"),
        (
            "StatefulSet",
            {
                "matchLabels": {"app": "api"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["b", "a"]},
                    {"key": "env", "operator": "NotIn", "values": ["dev"]},
                    {"key": "canary", "operator": "DoesNotExist"},
                    {"key": "release", "operator": "Exists"},
                ],
            },
            "app=api,tier in (a,b),env notin (dev),!canary,release",
        ),
        ("Job", None, None),
    ],
)
def test_pods_are_found_by_the_workloads_selector(kind: str, selector: Any, expected: str | None) -> None:
    api_version = "batch/v1" if kind == "Job" else "apps/v1"
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "api"}, "spec": {"selector": selector}}
    assert facts(obj).selector == expected


def test_a_replication_controllers_selector_is_plain_labels() -> None:
    obj = {"apiVersion": "v1", "kind": "ReplicationController", "spec": {"selector": {"app": "api"}}}
    assert facts(obj).selector == "app=api"
