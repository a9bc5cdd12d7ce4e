"""Since when workloads are waited for, across restarts of the operator: by the condition that is about them."""

from collections.abc import Mapping
from typing import Any

from kotsapp.api.conditions import Reason, Status
from kotsapp.text import parse_rfc3339


def rollout_started(condition: Mapping[str, Any] | None, *, generation: int, timeout: float, now: float) -> float:
    """When the workloads stopped being healthy; it and ``now`` in seconds since the epoch, ``timeout`` in seconds.

    ``condition`` is WorkloadsHealthy as stored. When it says that the time was over, that time began ``timeout``
    earlier, as far as the resource is still of that generation; a timeout that is made longer then counts from there.
    """
    known = condition or {}
    if not known or known.get("status") == Status.TRUE:
        return now
    over = known.get("reason") == Reason.WORKLOADS_UNHEALTHY and known.get("observedGeneration") == generation
    since = parse_rfc3339(known.get("lastTransitionTime"))
    moment = now if since is None else min(since.timestamp(), now)
    return moment - timeout if over else moment
