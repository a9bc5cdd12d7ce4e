"""The health of what an app runs, from the few facts that a watch keeps and, where they tell more, from its pods.

``facts`` reduces an object to what is needed later, so that no object has to stay in memory; ``assess`` adds what the
pods say, above all which image can't be pulled and why.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from kotsapp.cluster.podproblems import (
    PULL_BACK_OFF,
    PodProblem,
    Severity,
    explained_by_events,
    is_deleting,
    worst_problem,
)
from kotsapp.cluster.states import Health, WorkloadState, has_rule, has_run, judge, section
from kotsapp.health.pod_events import Event, about, creation_failure
from kotsapp.health.restarts import is_ready, is_settled, settles_at
from kotsapp.health.revision import Revision, revision_of

__all__ = [
    "Health",
    "WorkloadFacts",
    "WorkloadState",
    "assess",
    "events_wanted",
    "facts",
    "has_health",
    "needs_pods",
    "summary",
]

# As many as a person reads in one line; the status lists every workload.
MAX_NAMED = 3
# Kinds whose pods come to an end.
_SHORT_LIVED = frozenset({"Job", "CronJob"})

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
    ``done`` is of what runs once, and has ended well. ``revision`` tells pods of the newest pod template. Of a bare
    Pod, ``settles_at`` (seconds since the epoch) is when its restarted containers count as up, and ``restarted`` its
    health until then.
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
        restarted=None if up is None else _held_back([obj], up - 1.0),
    )


def needs_pods(workload: WorkloadFacts, *, was_ready: bool = True) -> bool:
    """Whether the pods may tell what the workload doesn't; an app that was healthy and is needs no pod to be read.

    What was not Ready and says that it is may be between two crashes.
    """
    if workload.state is not WorkloadState.READY:
        return workload.selector is not None or workload.kind == "Pod"
    lasting = workload.selector is not None and workload.kind != "Job"
    return lasting and (not was_ready or workload.kind == "CronJob")


def events_wanted(workload: WorkloadFacts, pods: Sequence[Mapping[str, Any]], now: float) -> str | None:
    """The uid of the object whose events may tell what the workload's pods don't; None when they tell enough.

    One object stands for all: its siblings have the same template.
    """
    if workload.state is WorkloadState.READY and workload.kind != "CronJob":
        return None
    own = _own_pods(workload, pods)
    if not own and workload.kind not in ("Deployment", "CronJob", "Pod"):
        return workload.uid  # a Deployment's own status has it
    return min((uid for pod in own if (uid := explained_by_events(pod, now))), default=None)


def assess(
    workload: WorkloadFacts | None,
    pods: Sequence[Mapping[str, Any]] = (),
    previous_message: str = "",
    *,
    now: float = math.inf,
    events: Sequence[Event] = (),
) -> Health:
    """The health to report; ``workload`` None means that the object is not in the cluster.

    ``pods`` are those of the workload's namespace that its selector matches; pods that another controller owns are
    passed over. ``previous_message`` is what was reported last: kubelets before 1.31 repeat the registry's answer only
    between two back-offs, and it is kept for the time of the back-off. ``now`` is in seconds since the epoch, by
    default long after every restart. ``events`` are about the pods, or about a workload that has none.
    """
    if workload is None:
        return Health(WorkloadState.MISSING, "not in the cluster")
    own = _own_pods(workload, pods)
    by_itself = Health(workload.state, workload.message)
    if workload.state is WorkloadState.READY and workload.kind != "CronJob":
        if not is_settled(workload.settles_at, now) and workload.restarted is not None:
            return replace(workload.restarted, settles_in=(workload.settles_at or now) - now)
        return _held_back(own, now, events) or by_itself
    if workload.kind in _SHORT_LIVED:
        return _short_lived(workload, own, previous_message, events)
    problem = _told_first(workload, own, now, events)
    if problem is None:
        failure = creation_failure(about(workload.uid, events)) if not own else None
        return Health(workload.state, ": ".join(failure)) if failure else by_itself
    state = workload.state
    if problem.severity is Severity.CRASH and _counted(own, now) is WorkloadState.UNAVAILABLE:
        state = WorkloadState.UNAVAILABLE
    return Health(state, _steady(problem, previous_message))


def _short_lived(
    workload: WorkloadFacts, own: Sequence[Mapping[str, Any]], previous_message: str, events: Sequence[Event]
) -> Health:
    """Jobs, and the running ones of a CronJob: a pod that failed is told while another one tries again."""
    problem = worst_problem(own, finished=True, events=events)
    if problem is None or (workload.kind == "CronJob" and problem.severity > Severity.FINISHED):
        return Health(workload.state, workload.message)
    state = workload.state
    if problem.severity.blocks:
        state = WorkloadState.DEGRADED if workload.kind == "CronJob" else WorkloadState.UNAVAILABLE
    return Health(state, _steady(problem, previous_message))


def _held_back(pods: Sequence[Mapping[str, Any]], now: float, events: Sequence[Event] = ()) -> Health | None:
    """The health of a workload that says it is ready while containers have yet to show that they stay up."""
    young = {i: moment for i, pod in enumerate(pods) if (moment := settles_at(pod)) and not is_settled(moment, now)}
    problem = worst_problem((pods[i] for i in young), now=now, events=events)
    if problem is None or problem.severity not in (Severity.CRASH, Severity.RESTART):
        return None
    state = WorkloadState.UPDATING if problem.severity is Severity.RESTART else _counted(pods, now)
    return Health(state, str(problem), settles_in=max(young.values()) - now)


def _counted(pods: Sequence[Mapping[str, Any]], now: float) -> WorkloadState:
    """How many of the pods stay up: the same between crashes as during them."""
    stay_up = any(is_ready(pod) and is_settled(settles_at(pod), now) for pod in pods)
    return WorkloadState.DEGRADED if stay_up else WorkloadState.UNAVAILABLE


def _told_first(
    workload: WorkloadFacts, own: Sequence[Mapping[str, Any]], now: float, events: Sequence[Event]
) -> PodProblem | None:
    """The problem of the newest revision's pods; else that of older ones, where these can stand in the way."""
    newest = [pod for pod in own if workload.revision is None or workload.revision.has(pod)]
    finished = workload.kind == "Pod"
    problem = worst_problem(newest, finished=finished, now=now, events=events)
    # A Deployment makes new pods beside the old ones, and takes those away that aren't ready.
    if problem is None and (not newest or workload.kind != "Deployment"):
        problem = worst_problem(own, finished=finished, now=now, events=events)
    return problem


def summary(workloads: Iterable[tuple[str, Health]]) -> Health:
    """All workloads as one, each given with the name to call it by: the worst state, and who is in trouble.

    No workload at all is Ready: there is nothing to wait for.
    """
    everyone = list(workloads)
    troubled = [(name, health) for name, health in everyone if health.state is not WorkloadState.READY]
    if not troubled:
        return Health(WorkloadState.READY, f"{len(everyone)} of {len(everyone)} workloads ready")
    settles_in = min((h.settles_in for _, h in troubled if h.settles_in is not None), default=None)
    # Equal troubles are told once: many workloads wait for one image, one claim, one node.
    troubled.sort(key=lambda item: (-item[1].state.badness, item[1].message))
    alike = [
        (health, sorted(name for name, _ in group))
        for health, group in ((key, list(g)) for key, g in groupby(troubled, key=lambda item: item[1]))
    ]
    alike.sort(key=lambda item: (-item[0].state.badness, item[1][0]))
    told = [_one_trouble(health, names) for health, names in alike[:MAX_NAMED]]
    left = sum(len(names) for _, names in alike[MAX_NAMED:])
    if left:
        told.append(f"and {left} more")
    return Health(alike[0][0].state, "; ".join(told), settles_in)


def _one_trouble(health: Health, names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_NAMED])
    if len(names) > MAX_NAMED:
        shown += f" and {len(names) - MAX_NAMED} more"
    trouble = f"{shown} {'is' if len(names) == 1 else 'are'} {health.state}"
    return f"{trouble}: {health.message}" if health.message else trouble


def _steady(problem: PodProblem, previous_message: str) -> str:
    message = str(problem)
    explained = previous_message.startswith(f"{message}: ")
    return previous_message if problem.reason == PULL_BACK_OFF and not problem.cause and explained else message


def _own_pods(workload: WorkloadFacts, pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
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
