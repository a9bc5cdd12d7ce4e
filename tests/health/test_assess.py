"""Health from an object's own status: what KOTS's status informers say, and what kstatus says of the rest."""

from typing import Any

import pytest

from kotsapp.health.assess import Health, WorkloadState, assess, facts, has_health, needs_pods, summary

READY, UPDATING = WorkloadState.READY, WorkloadState.UPDATING
DEGRADED, UNAVAILABLE, MISSING = WorkloadState.DEGRADED, WorkloadState.UNAVAILABLE, WorkloadState.MISSING


def workload(api_version: str, kind: str, spec: Any = None, status: Any = None, **metadata: Any) -> dict[str, Any]:
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "api", "namespace": "apps", **metadata}}
    return obj | ({} if spec is None else {"spec": spec}) | ({} if status is None else {"status": status})


def deployment(spec: Any = None, *, generation: int = 2, **status: Any) -> dict[str, Any]:
    status = {"observedGeneration": 2} | status
    return workload("apps/v1", "Deployment", spec or {"replicas": 3}, status, generation=generation)


def stateful_set(spec: Any = None, *, generation: int = 2, **status: Any) -> dict[str, Any]:
    status = {"observedGeneration": 2, "currentRevision": "db-1", "updateRevision": "db-1"} | status
    return workload("apps/v1", "StatefulSet", spec or {"replicas": 3}, status, generation=generation)


def daemon_set(*, generation: int = 2, spec: Any = None, **status: Any) -> dict[str, Any]:
    counts = {"desiredNumberScheduled": 3, "currentNumberScheduled": 3, "updatedNumberScheduled": 3}
    return workload(
        "apps/v1", "DaemonSet", spec or {}, {"observedGeneration": 2} | counts | status, generation=generation
    )


def job(spec: Any = None, **status: Any) -> dict[str, Any]:
    return workload("batch/v1", "Job", spec or {"completions": 1}, status)


def pod(**status: Any) -> dict[str, Any]:
    return workload("v1", "Pod", {}, status)


def custom(*conditions: tuple[str, str], generation: int = 1, **status: Any) -> dict[str, Any]:
    listed = [{"type": type_, "status": value, "reason": "Why", "message": "because"} for type_, value in conditions]
    return workload("example.com/v1", "Widget", {}, {"conditions": listed} | status, generation=generation)


@pytest.mark.parametrize(
    ("obj", "state"),
    [
        pytest.param(deployment(replicas=3, updatedReplicas=3, readyReplicas=3), READY, id="all ready"),
        pytest.param(deployment(replicas=3, updatedReplicas=3, readyReplicas=2), DEGRADED, id="some ready"),
        pytest.param(deployment(replicas=3, updatedReplicas=3), UNAVAILABLE, id="none ready"),
        pytest.param(deployment(generation=3, replicas=3, updatedReplicas=3, readyReplicas=3), UPDATING, id="lag"),
        pytest.param(workload("apps/v1", "Deployment", {}, generation=1), UPDATING, id="never seen by its controller"),
        pytest.param(
            deployment(replicas=4, updatedReplicas=1, readyReplicas=3, unavailableReplicas=1), UPDATING, id="surge"
        ),
        pytest.param(
            deployment(replicas=3, updatedReplicas=3, readyReplicas=3, unavailableReplicas=1),
            UPDATING,
            id="ready, not yet available",
        ),
        pytest.param(deployment(replicas=3, readyReplicas=3), UPDATING, id="only old pods, all ready"),
        pytest.param(deployment(replicas=3, updatedReplicas=2, readyReplicas=3), UPDATING, id="one old pod left"),
        pytest.param(
            deployment({"replicas": 3, "paused": True}, replicas=3, readyReplicas=3), READY, id="paused keeps old pods"
        ),
        pytest.param(deployment({"replicas": 0}), READY, id="scaled to zero"),
        pytest.param(deployment({"selector": {}}), UNAVAILABLE, id="replicas left out means one"),
        pytest.param(deployment({"selector": {}}, readyReplicas=1), READY, id="one replica by default, ready"),
    ],
)
def test_a_deployment_is_counted(obj: dict[str, Any], state: WorkloadState) -> None:
    assert assess(facts(obj)).state is state


@pytest.mark.parametrize(
    ("obj", "state"),
    [
        pytest.param(stateful_set(updatedReplicas=3, readyReplicas=3), READY, id="all ready"),
        pytest.param(stateful_set(updatedReplicas=3, readyReplicas=1), DEGRADED, id="some ready"),
        pytest.param(stateful_set(updatedReplicas=3), UNAVAILABLE, id="none ready"),
        pytest.param(stateful_set(), UNAVAILABLE, id="new, no pod yet"),
        pytest.param(stateful_set(generation=3, updatedReplicas=3, readyReplicas=3), UPDATING, id="lag"),
        pytest.param(
            stateful_set(updateRevision="db-2", updatedReplicas=1, readyReplicas=3), UPDATING, id="rolling update"
        ),
        pytest.param(
            stateful_set(updateRevision="db-2", updatedReplicas=3, readyReplicas=2),
            DEGRADED,
            id="the last new pod isn't ready",
        ),
        pytest.param(
            stateful_set(
                {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
                updateRevision="db-2",
                updatedReplicas=1,
                readyReplicas=3,
            ),
            READY,
            id="as far as the partition lets it",
        ),
        pytest.param(
            stateful_set(
                {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
                updateRevision="db-2",
                updatedReplicas=1,
                readyReplicas=3,
            ),
            UPDATING,
            id="on the way to the partition",
        ),
        pytest.param(
            stateful_set(
                {"replicas": 3, "updateStrategy": {"type": "OnDelete"}}, updateRevision="db-2", readyReplicas=3
            ),
            READY,
            id="a person decides when old pods go",
        ),
    ],
)
def test_a_stateful_set_rolls_by_its_revisions(obj: dict[str, Any], state: WorkloadState) -> None:
    assert assess(facts(obj)).state is state


@pytest.mark.parametrize(
    ("obj", "state"),
    [
        pytest.param(daemon_set(numberReady=3), READY, id="ready on every node"),
        pytest.param(daemon_set(numberReady=2, numberUnavailable=1), DEGRADED, id="one node short"),
        pytest.param(daemon_set(numberReady=3, numberMisscheduled=1), DEGRADED, id="on a node too many"),
        pytest.param(daemon_set(currentNumberScheduled=2, updatedNumberScheduled=2), DEGRADED, id="a node without"),
        pytest.param(daemon_set(numberReady=3, updatedNumberScheduled=1), UPDATING, id="rolling update"),
        pytest.param(
            daemon_set(spec={"updateStrategy": {"type": "OnDelete"}}, numberReady=3, updatedNumberScheduled=1),
            READY,
            id="a person decides when old pods go",
        ),
        pytest.param(daemon_set(), UNAVAILABLE, id="ready nowhere"),
        pytest.param(daemon_set(numberReady=3, generation=3), UPDATING, id="lag"),
        pytest.param(
            daemon_set(desiredNumberScheduled=0, currentNumberScheduled=0, updatedNumberScheduled=0),
            READY,
            id="no node wants one",
        ),
    ],
)
def test_a_daemon_set_is_counted_by_nodes(obj: dict[str, Any], state: WorkloadState) -> None:
    assert assess(facts(obj)).state is state


@pytest.mark.parametrize(
    ("obj", "state", "message"),
    [
        (job(conditions=[{"type": "Complete", "status": "True"}]), READY, ""),
        (job({"completions": 3}, succeeded=1), UPDATING, "1 of 3 completed"),
        (job({"parallelism": 2}), UPDATING, "0 completed"),
        (job({"suspend": True}), READY, "suspended"),
        (
            job(
                conditions=[{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}]
            ),
            UNAVAILABLE,
            "BackoffLimitExceeded: limit",
        ),
        (workload("batch/v1", "CronJob", {"schedule": "@yearly"}), READY, ""),
        (workload("batch/v1", "CronJob", {"suspend": True}), READY, "suspended"),
        (workload("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}), READY, ""),
        (workload("v1", "PersistentVolumeClaim", {}, {"phase": "Lost"}), UNAVAILABLE, "the claim is Lost"),
        (workload("v1", "PersistentVolumeClaim", {}), UNAVAILABLE, "the claim is Pending"),
        (pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}]), READY, ""),
        (pod(phase="Running", conditions=[{"type": "Ready", "status": "False"}]), UNAVAILABLE, "running, not ready"),
        (pod(phase="Pending"), UPDATING, "starting"),
        (pod(phase="Succeeded"), READY, ""),
        (pod(phase="Failed", reason="Evicted", message="low on memory"), UNAVAILABLE, "pod: Evicted: low on memory"),
        (workload("apps/v1", "ReplicaSet", {"replicas": 2}, {"readyReplicas": 1}), DEGRADED, "1 of 2 replicas ready"),
        (workload("v1", "ReplicationController", {"replicas": 2}, {"readyReplicas": 2}), READY, ""),
        (
            workload("apps/v1", "DaemonSet", {}, {}, deletionTimestamp="2026-01-01T00:00:00Z"),
            UPDATING,
            "being deleted",
        ),
    ],
)
def test_other_kinds(obj: dict[str, Any], state: WorkloadState, message: str) -> None:
    assert assess(facts(obj)) == Health(state, message)


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param(workload("example.com/v1", "Widget", {}), Health(READY), id="no status at all"),
        pytest.param(custom(("Ready", "True")), Health(READY), id="ready"),
        pytest.param(custom(("Ready", "False")), Health(UNAVAILABLE, "Why: because"), id="not ready"),
        pytest.param(custom(("Ready", "Unknown")), Health(UPDATING, "Why: because"), id="not known"),
        pytest.param(custom(("Reconciling", "True"), ("Ready", "False")), Health(UPDATING, "Why: because"), id="works"),
        pytest.param(custom(("Stalled", "True"), ("Ready", "True")), Health(UNAVAILABLE, "Why: because"), id="stalled"),
        pytest.param(custom(("Stalled", "False"), ("Synced", "False")), Health(READY), id="conditions of its own"),
        pytest.param(
            custom(("Ready", "True"), generation=5, observedGeneration=4),
            Health(UPDATING, "generation 5 is yet to be seen by its controller"),
            id="ready, but an older generation was",
        ),
        pytest.param(custom(("Ready", "True"), generation=5, observedGeneration=-1), None, id="default of a CRD"),
        pytest.param(workload("example.com/v1", "Widget", {}, "fine"), Health(READY), id="status is text"),
        pytest.param(workload("example.com/v1", "Widget", {}, {"conditions": "Ready"}), Health(READY), id="odd list"),
        pytest.param(workload("example.com/v1", "Widget", {}, {"conditions": [3]}), Health(READY), id="odd items"),
    ],
)
def test_custom_resources_are_judged_as_kstatus_does(obj: dict[str, Any], expected: Health | None) -> None:
    health = assess(facts(obj))
    assert health == expected if expected else health.state is UPDATING


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            ("ReplicaFailure", "True", "FailedCreate", 'pods "api-" is forbidden: exceeded quota'),
            'FailedCreate: pods "api-" is forbidden: exceeded quota',
        ),
        (("Progressing", "False", "ProgressDeadlineExceeded", "timed out"), "ProgressDeadlineExceeded: timed out"),
        (("Progressing", "True", "ReplicaSetUpdated", "busy"), "0 of 3 replicas ready"),
    ],
)
def test_a_deployment_tells_what_its_controller_ran_into(condition: tuple[str, ...], message: str) -> None:
    reported = dict(zip(("type", "status", "reason", "message"), condition, strict=True))
    assert assess(facts(deployment(conditions=[reported]))) == Health(UNAVAILABLE, message)


def test_an_object_that_is_not_there_is_missing() -> None:
    assert assess(None).state is MISSING


def test_a_long_condition_message_keeps_its_beginning() -> None:
    obj = custom(("Ready", "False"))
    obj["status"]["conditions"][0]["message"] = "certificate\nrefused " + "x" * 5000
    message = assess(facts(obj)).message
    assert message.startswith("Why: certificate refused xxx")
    assert len(message) < 500


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("apps/v1", "Deployment", True),
        ("v1", "PersistentVolumeClaim", True),
        ("monitoring.coreos.com/v1", "Prometheus", True),
        ("cluster.x-k8s.io/v1beta1", "Cluster", True),
        ("v1", "ConfigMap", False),
        ("v1", "Service", False),
        ("networking.k8s.io/v1", "Ingress", False),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", False),
    ],
)
def test_which_kinds_have_a_health(api_version: str, kind: str, expected: bool) -> None:
    assert has_health(api_version, kind) is expected


def test_facts_stay_equal_while_only_irrelevant_parts_of_the_object_change() -> None:
    before = deployment(replicas=3, updatedReplicas=3, readyReplicas=3)
    after = deployment(replicas=3, updatedReplicas=3, readyReplicas=3, availableReplicas=2)
    after["metadata"]["resourceVersion"] = "7"
    assert facts(before) == facts(after)


def test_the_summary_is_the_worst_state_and_names_the_worst_first() -> None:
    healths = [
        ("Deployment/web", Health(READY)),
        ("Deployment/api", Health(UPDATING, "1 pod of the old version yet to be replaced")),
        ("StatefulSet/db", Health(UNAVAILABLE, "0 of 1 replicas ready")),
        ("DaemonSet/agent", Health(DEGRADED, "ready on 1 of 2 nodes")),
        ("Job/migrate", Health(MISSING)),
    ]
    assert summary(healths) == Health(
        MISSING,
        "Job/migrate is Missing; StatefulSet/db is Unavailable: 0 of 1 replicas ready; "
        "DaemonSet/agent is Degraded: ready on 1 of 2 nodes; and 1 more",
    )


@pytest.mark.parametrize("names", [[], ["Deployment/a", "Deployment/b"]])
def test_the_summary_is_ready_when_nothing_is_in_trouble(names: list[str]) -> None:
    count = len(names)
    assert summary((name, Health(READY)) for name in names) == Health(READY, f"{count} of {count} workloads ready")


def test_the_summary_does_not_depend_on_the_order() -> None:
    healths = [(f"Deployment/{i}", Health(UNAVAILABLE, "0 of 1 replicas ready")) for i in range(5)]
    assert summary(healths) == summary(reversed(healths))


def test_a_healthy_workload_needs_no_pods_read() -> None:
    selector = {"selector": {"matchLabels": {"app": "api"}}}
    assert needs_pods(facts(deployment(selector)))
    assert not needs_pods(facts(deployment(selector, readyReplicas=1)))
    assert not needs_pods(facts(custom(("Ready", "False"))))
