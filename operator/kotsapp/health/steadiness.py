"""The health of a workload that says it is ready while its containers have yet to show that they stay up."""

from collections.abc import Mapping, Sequence
from typing import Any

from kotsapp.health.pod_events import Event
from kotsapp.health.pods import Severity, worst_problem
from kotsapp.health.restarts import is_over, is_ready, settles_at
from kotsapp.health.workloads import Health, WorkloadState


def still_young(pods: Sequence[Mapping[str, Any]], now: float, events: Sequence[Event] = ()) -> Health | None:
    """The health until restarted containers have stayed up for long enough; None with nothing to wait for."""
    young = {i: moment for i, pod in enumerate(pods) if (moment := settles_at(pod)) and not is_over(moment, now)}
    problem = worst_problem((pods[i] for i in young), now=now, events=events)
    if problem is None or problem.severity not in (Severity.CRASH, Severity.RESTART):
        return None
    state = WorkloadState.UPDATING if problem.severity is Severity.RESTART else counted(pods, now)
    return Health(state, str(problem), settles_in=max(young.values()) - now)


def counted(pods: Sequence[Mapping[str, Any]], now: float) -> WorkloadState:
    """How many of the pods stay up: the same between crashes as during them."""
    stay_up = any(is_ready(pod) and is_over(settles_at(pod), now) for pod in pods)
    return WorkloadState.DEGRADED if stay_up else WorkloadState.UNAVAILABLE
