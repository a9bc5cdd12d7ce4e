"""The health of what an app runs, from the few facts that a watch keeps and, where they say more, from its pods.

``assess`` adds to a workload's own status what its pods say: which image can't be pulled and why, what crashes between
two moments of being ready, and what only events know.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from kotsapp.health.facts import WorkloadFacts, facts, has_health, own_pods
from kotsapp.health.pod_events import Event, about, creation_failure
from kotsapp.health.pods import PULL_BACK_OFF, PodProblem, Severity, explained_by_events, worst_problem
from kotsapp.health.restarts import is_over, settles_at
from kotsapp.health.steadiness import counted, still_young
from kotsapp.health.workloads import Health, WorkloadState

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


def needs_pods(workload: WorkloadFacts, *, was_ready: bool = True) -> bool:
    """Whether the pods may say what the workload doesn't; an app that was healthy and is needs no pod to be read.

    What was not Ready and says that it is may be between two crashes.
    """
    if workload.state is not WorkloadState.READY:
        return workload.selector is not None or workload.kind == "Pod"
    if workload.kind == "CronJob":
        return workload.selector is not None
    stays_up = workload.kind != "Job" and (workload.selector is not None or workload.restarted is not None)
    return stays_up and not was_ready


def events_wanted(workload: WorkloadFacts, pods: Sequence[Mapping[str, Any]], now: float) -> str | None:
    """The uid of the object whose events may say what the workload's pods don't; None when those say enough.

    One object stands for all: its siblings have the same template.
    """
    own = own_pods(workload, pods)
    if workload.state is WorkloadState.READY and workload.kind != "CronJob":
        own = [pod for pod in own if not is_over(settles_at(pod), now)]
    elif not own and workload.kind not in ("Deployment", "CronJob", "Pod"):
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
    own = own_pods(workload, pods)
    by_itself = Health(workload.state, workload.message)
    if workload.state is WorkloadState.READY and workload.kind != "CronJob":
        return still_young(own, now, events) or _restarted(workload, now) or by_itself
    if workload.kind in _SHORT_LIVED:
        problem = worst_problem(own, finished=True, now=now, events=events)
        return _short_lived(workload, problem, previous_message)
    problem = _foremost(workload, own, now, events)
    if problem is None:
        failure = creation_failure(about(workload.uid, events)) if not own else None
        return Health(workload.state, ": ".join(failure)) if failure else by_itself
    state = workload.state
    if problem.severity is Severity.CRASH and counted(own, now) is WorkloadState.UNAVAILABLE:
        state = WorkloadState.UNAVAILABLE
    return Health(state, _steady(problem, previous_message))


def _restarted(workload: WorkloadFacts, now: float) -> Health | None:
    """The health of a bare Pod that says it is ready, until its restarted containers count as up."""
    if workload.restarted is None or workload.settles_at is None or is_over(workload.settles_at, now):
        return None
    return replace(workload.restarted, settles_in=workload.settles_at - now)


def _short_lived(workload: WorkloadFacts, problem: PodProblem | None, previous_message: str) -> Health:
    """Jobs, and the running ones of a CronJob: a pod that failed is reported while another one tries again."""
    if problem is None or (workload.kind == "CronJob" and problem.severity > Severity.FINISHED):
        return Health(workload.state, workload.message)
    state = workload.state
    if problem.severity.blocks:
        state = WorkloadState.DEGRADED if workload.kind == "CronJob" else WorkloadState.UNAVAILABLE
    return Health(state, _steady(problem, previous_message))


def _foremost(
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
    # Equal troubles are reported once: many workloads wait for one image, one claim, one node.
    troubled.sort(key=lambda item: (-item[1].state.badness, item[1].message))
    alike = [
        (health, sorted(name for name, _ in group))
        for health, group in ((key, list(g)) for key, g in groupby(troubled, key=lambda item: item[1]))
    ]
    alike.sort(key=lambda item: (-item[0].state.badness, item[1][0]))
    troubles = [_one_trouble(health, names) for health, names in alike[:MAX_NAMED]]
    left = sum(len(names) for _, names in alike[MAX_NAMED:])
    if left:
        troubles.append(f"and {left} more")
    return Health(alike[0][0].state, "; ".join(troubles), settles_in)


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
