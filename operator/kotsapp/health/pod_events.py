"""What a pod's events say that its status doesn't: volumes that can't be mounted, probes that fail or kill.

Events are kept for an hour and are no promise of anything; they only explain what the status has shown to be unwell.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kotsapp.health.messages import of_any_pod, probe_failure
from kotsapp.health.restarts import mapping, seconds

# Before a container can start: its volumes, its sandbox and network, on a node that has taken the pod.
_SETUP = frozenset(
    {"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "NetworkNotReady"}
)
# The set-up is over when one of these came later.
_SET_UP = frozenset({"Pulling", "Pulled", "Created", "Started"})
# Seconds in which a kubelet tries each volume again, at the latest: what was not said for longer is over.
_REPEATED_WITHIN = 130.0
# Says no more than that another event of the same pod is right.
_ECHO = "Unable to attach or mount volumes"

Event = Mapping[str, Any]


def about(uid: str, events: Iterable[Event]) -> list[Event]:
    return [event for event in events if mapping(event.get("involvedObject")).get("uid") == uid]


def setup_failure(pod: Mapping[str, Any], events: Sequence[Event]) -> tuple[str, str] | None:
    """(reason, message) of what keeps a pod's containers from being made; the same while the trouble is the same."""
    over = max((_when(event) for event in events if event.get("reason") in _SET_UP), default=0.0)
    return _steadiest((e for e in events if e.get("reason") in _SETUP and _when(e) >= over), pod)


def creation_failure(events: Sequence[Event]) -> tuple[str, str] | None:
    """(reason, message) of why a controller can't make pods; ``events`` are about the controller."""
    return _steadiest((e for e in events if e.get("reason") == "FailedCreate"), {})


def probe_event(container: str, kind: str, events: Sequence[Event]) -> str | None:
    """What the newest failure of the container's probe met, None when there was none; kind as ``Readiness``."""
    mine = [
        event
        for event in events
        if event.get("reason") == "Unhealthy"
        and str(event.get("message")).startswith(f"{kind} probe")
        and _container(event) == container
    ]
    newest = max(mine, key=_when, default=None)
    return None if newest is None else probe_failure(newest.get("message"))


def killer(container: str, events: Sequence[Event]) -> str:
    """The kind of the probe for which the container was last killed; empty when it was none."""
    mine = [event for event in events if event.get("reason") == "Killing" and _container(event) == container]
    newest = max(mine, key=_when, default=None)
    message = "" if newest is None else str(newest.get("message"))
    return next((kind for kind in ("Liveness", "Startup") if f"failed {kind.lower()} probe" in message), "")


def _steadiest(events: Iterable[Event], pod: Mapping[str, Any]) -> tuple[str, str] | None:
    """Of those that are still repeated the one that is first by its text: which came last changes all the time."""
    found = list(events)
    newest = max(map(_when, found), default=0.0)
    current = [event for event in found if newest - _when(event) <= _REPEATED_WITHIN]
    messages = [(str(event.get("reason")), of_any_pod(event.get("message"), pod)) for event in current]
    return min(messages, key=lambda one: (_ECHO in one[1], one), default=None)


def _container(event: Event) -> str:
    """The name in ``spec.containers{name}``."""
    return str(mapping(event.get("involvedObject")).get("fieldPath") or "").partition("{")[2].removesuffix("}")


def _when(event: Event) -> float:
    times = (mapping(event.get("series")).get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return max((moment for text in times if (moment := seconds(text)) is not None), default=0.0)
