"""What is posted as Kubernetes Events: transitions only, about the KotsApp that a person would describe. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from kotsapp.api.conditions import READY, STALLED, SUSPENDED, Reason, condition_in
from kotsapp.apply.changes import ChangeSet, Removal
from kotsapp.license import EXPIRY_WARNING, License, LicenseState
from kotsapp.license.facts import compare, facts, from_status
from kotsapp.names import REQUESTS
from kotsapp.pods.restart import Restart
from kotsapp.text import counted, listed

MAX_NAMED = 8


class EventReason(StrEnum):
    """Reasons of events that no condition has; a license's changes bring reasons of their own."""

    APPLIED = "Applied"
    DRIFT_REPAIRED = "DriftRepaired"
    POD_DELETED = "PodDeleted"
    PRUNED = "Pruned"
    NOT_PRUNED = "NotPruned"
    PROBE_REQUESTED = "ProbeRequested"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    DELETING = "Deleting"
    RELEASE_WARNING = "ReleaseWarning"
    LICENSE_HOSTS = "LicenseHosts"
    LICENSE_DOMAIN_OVERRIDDEN = "LicenseDomainOverridden"
    RELEASE_FOUND = "ReleaseFound"
    RELEASE_ROLLED_OUT = "ReleaseRolledOut"
    SOURCE_UNAVAILABLE = "SourceUnavailable"


@dataclass(frozen=True, slots=True)
class Event:
    reason: str
    message: str
    warning: bool = False


def of_license(license: License, before: Mapping[str, Any], warned: bool) -> list[Event]:
    """What a new license document changes, and a warning, once for each expiry date, that it ends soon.

    ``before`` is the status' license; ``warned`` says that the warning for the expiry date in there was given.
    """
    found = []
    previous, current = from_status(before), facts(license)
    change = compare(previous, current)
    if change is not None:
        found.append(Event(str(change.reason), change.message, change.warning))
    warned = warned and previous is not None and previous.expires_at == current.expires_at
    if not warned and (message := ends_soon(license)):
        found.append(Event(Reason.LICENSE_EXPIRING_SOON, message, warning=True))
    return found


def ends_soon(license: License) -> str | None:
    """What to say of a license whose end is near."""
    ends = license.expires_at
    if ends is None or license.state(datetime.now(UTC)) is not LicenseState.EXPIRING_SOON:
        return None
    return f"the license expires on {ends:%Y-%m-%d %H:%M UTC}, within {EXPIRY_WARNING.days} days; have it renewed"


def of_rollout(done: ChangeSet, removal: Removal) -> list[Event]:
    """What was applied, repaired and deleted."""
    found = []
    if done.applied:
        found.append(Event(EventReason.APPLIED, f"applied {listed(done.applied, MAX_NAMED)}"))
    if done.repaired:
        repaired = listed(done.repaired, MAX_NAMED)
        found.append(Event(EventReason.DRIFT_REPAIRED, f"changed or deleted by others, put right: {repaired}"))
    if removal.deleted:
        gone = listed(removal.deleted, MAX_NAMED)
        found.append(Event(EventReason.PRUNED, f"no longer part of the app: {gone}"))
    if removal.left:
        message = f"no longer part of the app, left in the cluster: {_reasons(removal)}"
        found.append(Event(EventReason.NOT_PRUNED, message))
    return found


def of_restarts(done: Sequence[Restart]) -> list[Event]:
    """Pods that were deleted, since they never ran and their images are routed by now."""
    by_image: dict[tuple[str, str], list[Restart]] = {}
    for restart in done:
        by_image.setdefault((restart.image, restart.pull), []).append(restart)
    return [
        Event(
            EventReason.POD_DELETED,
            f"deleted, as it never ran and a new one pulls {pull} in place of {image}:"
            f" {listed([f'{one.pod} of {one.pod.controller}' for one in restarts], MAX_NAMED)}",
        )
        for (image, pull), restarts in by_image.items()
    ]


def of_request(requested: Mapping[str, str], before: Mapping[str, Any]) -> Event:
    """Somebody asked for a fresh probe: ``requested`` by the status field that answers each (names.REQUESTS)."""
    new = [f"{name}={requested[answer]}" for name, answer in REQUESTS.items() if _is_new(answer, requested, before)]
    return Event(EventReason.PROBE_REQUESTED, f"every image is probed afresh, as asked for by {', '.join(new)}")


def _is_new(answer: str, requested: Mapping[str, str], before: Mapping[str, Any]) -> bool:
    return answer in requested and requested[answer] != before.get(answer)


def of_suspension(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Event]:
    """That the app is left alone from now on."""
    condition = condition_in(after, SUSPENDED)
    if condition is None or condition_in(before, SUSPENDED) is not None:
        return []
    return [Event(EventReason.SUSPENDED, str(condition["message"]))]


def of_resumption(before: Mapping[str, Any]) -> list[Event]:
    """That the app, which was suspended, is kept true again."""
    since = condition_in(before, SUSPENDED)
    if since is None:
        return []
    return [Event(EventReason.RESUMED, f"kept true again, after it was suspended at {since.get('lastTransitionTime')}")]


def of_deletion(objects: int) -> Event:
    """What goes with the app."""
    return Event(EventReason.DELETING, f"the app is deleted, and with it what it applied: {counted(objects, 'object')}")


def of_release(warnings: Sequence[str]) -> list[Event]:
    """What a new rendering found that does not stand in the way."""
    if not warnings:
        return []
    return [Event(EventReason.RELEASE_WARNING, listed(warnings, MAX_NAMED, "; "), warning=True)]


def of_cleanup(removal: Removal) -> list[Event]:
    """What the app leaves behind when it goes."""
    if not removal.left:
        return []
    return [Event(EventReason.NOT_PRUNED, f"the app is deleted, left in the cluster: {_reasons(removal)}")]


def of_transition(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Event]:
    """An event when Ready's status or reason changed, and for another thing to fix; work in progress is no news."""
    old, new = condition_in(before, READY), condition_in(after, READY)
    if new is None or new["status"] == "Unknown" or condition_in(after, SUSPENDED) is not None:
        return []
    # While something is tried again its message may change with every try.
    stuck = condition_in(after, STALLED)
    if old is not None and all(old[field] == new[field] for field in ("status", "reason")):
        before_it = condition_in(before, STALLED) or old
        if stuck is None or before_it["message"] == stuck["message"]:
            return []
    return [Event(new["reason"], (stuck or new)["message"], warning=new["status"] == "False")]


def _reasons(removal: Removal) -> str:
    return listed([f"{key}: {reason}" for key, reason in removal.left], MAX_NAMED, "; ")
