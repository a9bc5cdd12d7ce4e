"""The few facts that a watch keeps of an object, so that no object has to stay in memory, and whose pods are whose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.health.pods import is_deleting
from kotsapp.health.restarts import settles_at
from kotsapp.health.revision import Revision, revision_of
from kotsapp.health.steadiness import still_young
from kotsapp.health.workloads import Health, WorkloadState, has_rule, has_run, judge, section

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
    ``done`` is of what runs once, and has ended well. ``revision`` identifies pods of the newest pod template. Of a
    bare Pod, ``settles_at`` (seconds since the epoch) is when its restarted containers count as up, and ``restarted``
    its health until then.
    """

    kind: str
    name: str
    uid: str
    state: WorkloadState
    message: str
    selector: str | None
    done: bool = False
    revision: Revision | None = None
    settles_at: float | None = None
    restarted: Health | None = None


def has_health(api_version: str, kind: str) -> bool:
    """Whether objects of the kind have a health of their own: what runs pods, claims, and custom resources."""
    group = api_version.rpartition("/")[0]
    return has_rule(group, kind) or group not in _BUILT_IN_GROUPS


def facts(obj: Mapping[str, Any]) -> WorkloadFacts:
    metadata = section(obj, "metadata")
    health = judge(obj)
    kind = str(obj.get("kind", ""))
    up = settles_at(obj) if kind == "Pod" and health.state is WorkloadState.READY else None
    return WorkloadFacts(
        kind=kind,
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        state=health.state,
        message=health.message,
        selector=_pod_selector(obj),
        done=has_run(obj),
        revision=revision_of(obj),
        settles_at=up,
        restarted=None if up is None else still_young([obj], up - 1.0),
    )


def own_pods(workload: WorkloadFacts, pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [pod for pod in pods if _owns(workload, pod) and not is_deleting(pod)]


def _owns(workload: WorkloadFacts, pod: Mapping[str, Any]) -> bool:
    """Selectors of different controllers may overlap (a Job's pods with a Deployment's labels); owners don't.

    A pod that no controller owns yet is about to be adopted.
    """
    if workload.kind == "Pod":
        return section(pod, "metadata").get("uid") == workload.uid
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
