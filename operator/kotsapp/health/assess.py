"""The health of what an app runs, from the few facts that a watch keeps and, where they tell more, from its pods.

``facts`` reduces an object to what is needed later, so that no object has to stay in memory; ``assess`` adds what the
pods say, above all which image can't be pulled and why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.health.pods import PULL_BACK_OFF, PodProblem, Severity, worst_problem
from kotsapp.health.workloads import Health, WorkloadState, has_rule, has_run, judge, section

__all__ = ["Health", "WorkloadFacts", "WorkloadState", "assess", "facts", "has_health", "needs_pods", "summary"]

# As many as a person reads in one line; the status lists every workload.
MAX_NAMED = 3

# API groups of Kubernetes itself. Their kinds without a rule are as they should be once they exist; every other
# group is somebody's custom resources.
_BUILT_IN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """What is kept of a workload: its health by its own status, and how to find its pods.

    ``selector`` is a label selector as the API's ``labelSelector`` parameter takes it; None if there are no pods.
    ``done`` is of what runs once, and has ended well.
    """

    kind: str
    name: str
    uid: str
    state: WorkloadState
    message: str
    selector: str | None
    done: bool = False


def has_health(api_version: str, kind: str) -> bool:
    """Whether objects of the kind have a health of their own: what runs pods, claims, and custom resources."""
    group = api_version.rpartition("/")[0]
    return has_rule(group, kind) or group not in _BUILT_IN_GROUPS


def facts(obj: Mapping[str, Any]) -> WorkloadFacts:
    metadata = section(obj, "metadata")
    health = judge(obj)
    return WorkloadFacts(
        kind=str(obj.get("kind", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        state=health.state,
        message=health.message,
        selector=_pod_selector(obj),
        done=has_run(obj),
    )


def needs_pods(workload: WorkloadFacts) -> bool:
    """Whether the pods may tell what the workload doesn't; a healthy app needs no pod to be read."""
    return workload.selector is not None and (workload.state is not WorkloadState.READY or workload.kind == "CronJob")


def assess(
    workload: WorkloadFacts | None, pods: Sequence[Mapping[str, Any]] = (), previous_message: str = ""
) -> Health:
    """The health to report; ``workload`` None means that the object is not in the cluster.

    ``pods`` are those of the workload's namespace that its selector matches; pods that another controller owns are
    passed over. ``previous_message`` is what was reported last: kubelets before 1.31 repeat the registry's answer only
    between two back-offs, and it is kept for the time of the back-off.
    """
    if workload is None:
        return Health(WorkloadState.MISSING, "not in the cluster")
    state, message = workload.state, workload.message
    if not needs_pods(workload):
        return Health(state, message)
    short_lived = workload.kind in ("Job", "CronJob")
    problem = worst_problem((pod for pod in pods if _owns(workload, pod)), finished=short_lived)
    if problem is None:
        return Health(state, message)
    if short_lived and problem.severity is not Severity.FINISHED:
        state = WorkloadState.DEGRADED if workload.kind == "CronJob" else WorkloadState.UNAVAILABLE
    return Health(state, _steady(problem, previous_message))


def summary(workloads: Iterable[tuple[str, Health]]) -> Health:
    """All workloads as one, each given with the name to call it by: the worst state, and who is in trouble.

    No workload at all is Ready: there is nothing to wait for.
    """
    everyone = list(workloads)
    troubled = [(name, health) for name, health in everyone if health.state is not WorkloadState.READY]
    if not troubled:
        return Health(WorkloadState.READY, f"{len(everyone)} of {len(everyone)} workloads ready")
    troubled.sort(key=lambda item: (-item[1].state.badness, item[0]))
    told = [
        f"{name} is {health.state}: {health.message}" if health.message else f"{name} is {health.state}"
        for name, health in troubled[:MAX_NAMED]
    ]
    if len(troubled) > MAX_NAMED:
        told.append(f"and {len(troubled) - MAX_NAMED} more")
    return Health(troubled[0][1].state, "; ".join(told))


def _steady(problem: PodProblem, previous_message: str) -> str:
    message = str(problem)
    explained = previous_message.startswith(f"{message}: ")
    return previous_message if problem.reason == PULL_BACK_OFF and not problem.cause and explained else message


def _owns(workload: WorkloadFacts, pod: Mapping[str, Any]) -> bool:
    """Selectors of different controllers may overlap (a Job's pods with a Deployment's labels); owners don't.

    A pod that no controller owns yet is about to be adopted.
    """
    references = section(pod, "metadata").get("ownerReferences") or []
    owner = next((ref for ref in references if isinstance(ref, Mapping) and ref.get("controller")), None)
    if owner is None:
        return True
    between = {"Deployment": "ReplicaSet", "CronJob": "Job"}.get(workload.kind)
    if between is not None:
        return owner.get("kind") == between and str(owner.get("name")).rpartition("-")[0] == workload.name
    return owner.get("uid") == workload.uid


def _pod_selector(obj: Mapping[str, Any]) -> str | None:
    group, kind = str(obj.get("apiVersion", "")).rpartition("/")[0], obj.get("kind")
    if kind == "Pod" or not has_rule(group, str(kind)):
        return None
    if kind == "CronJob":
        active = section(obj, "status").get("active") or []
        names = sorted(str(job["name"]) for job in active if isinstance(job, Mapping) and job.get("name"))
        return f"job-name in ({','.join(names)})" if names else None
    selector = section(obj, "spec", "selector")
    if kind == "ReplicationController":
        return _equalities(selector) or None
    return label_selector(selector) or None


def label_selector(selector: Mapping[str, Any]) -> str:
    """A LabelSelector object in the text form of the API; empty if it selects by nothing."""
    terms = [_equalities(section(selector, "matchLabels"))]
    for expression in selector.get("matchExpressions") or []:
        key, values = expression["key"], ",".join(sorted(expression.get("values") or []))
        terms.append(
            {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}.get(
                expression["operator"], f"!{key}"
            )
        )
    return ",".join(term for term in terms if term)


def _equalities(labels: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
