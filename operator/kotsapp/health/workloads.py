"""The state of a workload by its own status, kind by kind.

Deployments, StatefulSets, DaemonSets and PersistentVolumeClaims are judged as KOTS's status informers judge them, with
one addition: a rollout that has yet to replace old pods is Updating, though the old ones are ready. Custom resources
are judged by the conditions of kstatus: Reconciling, Stalled and Ready.

Services and Ingresses have no state here: a load balancer's address may never be assigned, and the app would wait for
it though all that it runs is healthy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kotsapp.health.messages import clean
from kotsapp.health.pods import Severity, worst_problem

Object = Mapping[str, Any]


class WorkloadState(StrEnum):
    """The five states of KOTS's status informers, best first."""

    READY = "Ready"
    UPDATING = "Updating"
    DEGRADED = "Degraded"
    UNAVAILABLE = "Unavailable"
    MISSING = "Missing"

    @property
    def badness(self) -> int:
        return _BEST_FIRST.index(self)


_BEST_FIRST = tuple(WorkloadState)


@dataclass(frozen=True, slots=True)
class Health:
    """``message`` is one line, empty when there is nothing to say.

    ``settles_in`` is in how many seconds it is to be looked at again, since it may get better by time alone.
    """

    state: WorkloadState
    message: str = ""
    settles_in: float | None = field(default=None, compare=False)


READY = Health(WorkloadState.READY)


def judge(obj: Object) -> Health:
    """The health by the object alone; any object may be given, and a malformed status never raises."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    # A Job that is done may remove itself, which undoes nothing.
    done = (group, obj.get("kind")) == ("batch", "Job") and has_run(obj)
    if section(obj, "metadata").get("deletionTimestamp") and not done:
        return Health(WorkloadState.UPDATING, "being deleted")
    return _RULES.get((group, str(obj.get("kind", ""))), _by_conditions)(obj)


def has_run(obj: Object) -> bool:
    """Whether it is a Job or a Pod that has ended well."""
    match str(obj.get("apiVersion", "")).rpartition("/")[0], obj.get("kind"):
        case "batch", "Job":
            return _is(_conditions(obj), "Complete", "True")
        case "", "Pod":
            return section(obj, "status").get("phase") == "Succeeded"
    return False


def has_rule(group: str, kind: str) -> bool:
    return (group, kind) in _RULES


def section(obj: Object, *path: str) -> Object:
    """The mapping at ``path``, empty if there is none."""
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _deployment(obj: Object) -> Health:
    if lagging := _lag(obj, required=True):
        return lagging
    spec, status = section(obj, "spec"), section(obj, "status")
    desired, ready = _desired(spec), _count(status, "readyReplicas")
    trouble = _trouble(obj, ("ReplicaFailure", "True"), ("Progressing", "False"))
    if ready < desired:
        return _too_few(ready, desired, trouble)
    old = 0 if spec.get("paused") else _count(status, "replicas") - _count(status, "updatedReplicas")
    if old > 0:
        return Health(WorkloadState.UPDATING, trouble or f"{_pods(old)} of the old version yet to be replaced")
    if unavailable := _count(status, "unavailableReplicas"):
        return Health(WorkloadState.UPDATING, trouble or f"{_pods(unavailable)} not available yet")
    return READY


def _stateful_set(obj: Object) -> Health:
    if lagging := _lag(obj, required=True):
        return lagging
    spec, status = section(obj, "spec"), section(obj, "status")
    desired, ready = _desired(spec), _count(status, "readyReplicas")
    # Pods below the partition keep the old version for good; with OnDelete a person decides when they go.
    partition = _count(section(spec, "updateStrategy", "rollingUpdate"), "partition")
    old = max(desired - partition, 0) - _count(status, "updatedReplicas")
    rolling = section(spec, "updateStrategy").get("type", "RollingUpdate") == "RollingUpdate"
    if rolling and old > 0 and status.get("currentRevision") != status.get("updateRevision"):
        return Health(WorkloadState.UPDATING, f"{_pods(old)} of the old version yet to be replaced")
    return READY if ready >= desired else _too_few(ready, desired)


def _daemon_set(obj: Object) -> Health:
    if lagging := _lag(obj, required=True):
        return lagging
    status = section(obj, "status")
    desired, ready = _count(status, "desiredNumberScheduled"), _count(status, "numberReady")
    scheduled = _count(status, "currentNumberScheduled")
    rolling = section(obj, "spec", "updateStrategy").get("type", "RollingUpdate") == "RollingUpdate"
    old = scheduled - _count(status, "updatedNumberScheduled")
    if rolling and old > 0:
        return Health(WorkloadState.UPDATING, f"{_pods(old)} of the old version yet to be replaced")
    if misscheduled := _count(status, "numberMisscheduled"):
        return Health(WorkloadState.DEGRADED, f"{_pods(misscheduled)} on nodes where none should be")
    if scheduled != desired:
        return Health(WorkloadState.DEGRADED, f"scheduled on {scheduled} of {desired} nodes")
    if _count(status, "numberUnavailable"):
        return Health(WorkloadState.DEGRADED, f"ready on {ready} of {desired} nodes")
    if ready >= desired:
        return READY
    state = WorkloadState.DEGRADED if ready else WorkloadState.UNAVAILABLE
    return Health(state, f"ready on {ready} of {desired} nodes")


def _replicas(obj: Object) -> Health:
    """ReplicaSets and ReplicationControllers: they replace nothing, so counting is all there is."""
    if lagging := _lag(obj, required=True):
        return lagging
    desired = _desired(section(obj, "spec"))
    ready = _count(section(obj, "status"), "readyReplicas")
    return READY if ready >= desired else _too_few(ready, desired, _trouble(obj, ("ReplicaFailure", "True")))


def _job(obj: Object) -> Health:
    """Ready once complete: what comes after a migration relies on its end, not on its start."""
    conditions = _conditions(obj)
    if _is(conditions, "Complete", "True"):
        return READY
    if _is(conditions, "Failed", "True"):
        return Health(WorkloadState.UNAVAILABLE, _message(conditions["Failed"]))
    spec, status = section(obj, "spec"), section(obj, "status")
    if spec.get("suspend") is True:
        return Health(WorkloadState.READY, "suspended")
    succeeded, completions = _count(status, "succeeded"), spec.get("completions")
    done = f"{succeeded} of {completions} completed" if isinstance(completions, int) else f"{succeeded} completed"
    return Health(WorkloadState.UPDATING, done)


def _cron_job(obj: Object) -> Health:
    """There is nothing to wait for: it may be due next year."""
    return Health(WorkloadState.READY, "suspended") if section(obj, "spec").get("suspend") is True else READY


def _pod(obj: Object) -> Health:
    phase = section(obj, "status").get("phase")
    if phase == "Succeeded" or (phase == "Running" and _is(_conditions(obj), "Ready", "True")):
        return READY
    problem = worst_problem([obj], finished=True)
    if problem is not None:
        starting = problem.severity is Severity.INIT
        return Health(WorkloadState.UPDATING if starting else WorkloadState.UNAVAILABLE, str(problem))
    if phase == "Failed":
        return Health(WorkloadState.UNAVAILABLE, "failed")
    if phase == "Running":
        return Health(WorkloadState.UNAVAILABLE, "running, not ready")
    return Health(WorkloadState.UPDATING, "starting")


def _claim(obj: Object) -> Health:
    phase = section(obj, "status").get("phase") or "Pending"
    return READY if phase == "Bound" else Health(WorkloadState.UNAVAILABLE, f"the claim is {phase}")


def _by_conditions(obj: Object) -> Health:
    if lagging := _lag(obj, required=False):
        return lagging
    conditions = _conditions(obj)
    if _is(conditions, "Reconciling", "True"):
        return Health(WorkloadState.UPDATING, _message(conditions["Reconciling"]))
    if _is(conditions, "Stalled", "True"):
        return Health(WorkloadState.UNAVAILABLE, _message(conditions["Stalled"]))
    ready = conditions.get("Ready")
    if ready is None or ready.get("status") == "True":
        return READY
    state = WorkloadState.UNAVAILABLE if ready.get("status") == "False" else WorkloadState.UPDATING
    return Health(state, _message(ready))


_RULES: Mapping[tuple[str, str], Callable[[Object], Health]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replicas,
    ("", "ReplicationController"): _replicas,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
}


def _lag(obj: Object, *, required: bool) -> Health | None:
    """Updating while the controller has yet to see the object's generation: the rest of the status is of an older one.

    ``required`` says that the kind's controller always writes observedGeneration, so that none means not seen.
    """
    generation = section(obj, "metadata").get("generation")
    observed = section(obj, "status").get("observedGeneration", 0 if required else None)
    if generation is None or observed is None or observed == generation:
        return None
    return Health(WorkloadState.UPDATING, f"generation {generation} is yet to be seen by its controller")


def _too_few(ready: int, desired: int, trouble: str = "") -> Health:
    state = WorkloadState.DEGRADED if ready else WorkloadState.UNAVAILABLE
    return Health(state, trouble or f"{ready} of {desired} replicas ready")


def _trouble(obj: Object, *wanted: tuple[str, str]) -> str:
    conditions = _conditions(obj)
    return next((_message(conditions[type_]) for type_, status in wanted if _is(conditions, type_, status)), "")


def _message(condition: Object) -> str:
    return ": ".join(part for part in (str(condition.get("reason") or ""), clean(condition.get("message"))) if part)


def _is(conditions: Mapping[str, Object], type_: str, status: str) -> bool:
    return conditions.get(type_, {}).get("status") == status


def _conditions(obj: Object) -> Mapping[str, Object]:
    conditions = section(obj, "status").get("conditions")
    if not isinstance(conditions, Sequence):
        return {}
    return {str(c.get("type")): c for c in conditions if isinstance(c, Mapping)}


def _desired(spec: Object) -> int:
    """The API's default, where a manifest leaves it out, is one."""
    return _count(spec, "replicas") if spec.get("replicas") is not None else 1


def _count(holder: Object, field: str) -> int:
    """A count; the API leaves zero out."""
    value = holder.get(field)
    return value if isinstance(value, int) else 0


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"
