"""When a container that was restarted can be trusted to stay up.

Without a readiness probe a container is ready as soon as it runs, so that one that crashes after a start is ready at
each of its restarts. How long it must run again is read from its own history: twice as long as it ran before, and as
long as the kubelet held it back, which doubles with each crash. (DESIGN 9, issue "Health, as a real node showed it")
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

# Seconds: the kubelet's first back-off, its longest, and the run after which it forgets what was before.
SHORTEST = 10.0
LONGEST = 300.0
FORGOTTEN_AFTER = 600.0


def settles_at(pod: Mapping[str, Any]) -> float | None:
    """Seconds since the epoch from which the pod's restarted containers count as up; None when none was restarted.

    Init containers don't count: the pod is not ready before they have ended. Sidecars do, since they stay.
    """
    return max((moment for c in lasting_containers(pod) if (moment := steady_at(c)) is not None), default=None)


def steady_at(container: Mapping[str, Any]) -> float | None:
    """The same of one container, by its entry in a pod's status; None too while it doesn't run."""
    restarts = container.get("restartCount")
    started = seconds(mapping(mapping(container.get("state")).get("running")).get("startedAt"))
    if started is None or not isinstance(restarts, int) or restarts < 1:
        return None
    last = mapping(mapping(container.get("lastState")).get("terminated"))
    began, ended = seconds(last.get("startedAt")), seconds(last.get("finishedAt"))
    if ended is None:
        return started + SHORTEST
    ran = 0.0 if began is None else ended - began
    if ran >= FORGOTTEN_AFTER:
        return started + SHORTEST
    return started + min(max(SHORTEST, 2 * ran, started - ended), LONGEST)


def is_over(moment: float | None, now: float) -> bool:
    """Whether ``now`` is past the moment. One that is further away than any wait is of a clock that is wrong."""
    return moment is None or moment <= now or moment - now > LONGEST


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = mappings(mapping(pod.get("status")).get("conditions"))
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def lasting_containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The status entries of containers that run as long as the pod does."""
    status = mapping(pod.get("status"))
    sidecars = sidecar_names(pod)
    yield from mappings(status.get("containerStatuses"))
    yield from (c for c in mappings(status.get("initContainerStatuses")) if c.get("name") in sidecars)


def sidecar_names(pod: Mapping[str, Any]) -> frozenset[str]:
    """Init containers that are restarted for as long as the pod runs."""
    containers = mappings(mapping(pod.get("spec")).get("initContainers"))
    return frozenset(str(c.get("name")) for c in containers if c.get("restartPolicy") == "Always")


def seconds(text: object) -> float | None:
    """A Kubernetes time (RFC 3339) as seconds since the epoch; None when it is none."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment.timestamp()


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else ()
