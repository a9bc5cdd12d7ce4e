"""What is told as Kubernetes Events: transitions only, about the KotsApp that a person would describe. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kotsapp.api.conditions import Reason
from kotsapp.kube.objects import ObjectKey
from kotsapp.license import EXPIRY_WARNING, License, LicenseState
from kotsapp.license.facts import compare, facts, from_status

if TYPE_CHECKING:
    from kotsapp.reconcile.removal import Removal
    from kotsapp.reconcile.rollout import Rollout

MAX_NAMED = 8


@dataclass(frozen=True, slots=True)
class Event:
    reason: str
    message: str
    warning: bool = False


def of_license(license_: License, before: Mapping[str, Any], warned: bool) -> list[Event]:
    """What a new license document changes, and a warning, once for each expiry date, that it ends soon.

    ``before`` is the status' license; ``warned`` says that the warning for the expiry date in there was given.
    """
    told = []
    previous, current = from_status(before), facts(license_)
    change = compare(previous, current)
    if change is not None:
        told.append(Event(str(change.reason), change.message, change.warning))
    warned = warned and previous is not None and previous.expires_at == current.expires_at
    if not warned and (message := ends_soon(license_)):
        told.append(Event(Reason.LICENSE_EXPIRING_SOON, message, warning=True))
    return told


def ends_soon(license_: License) -> str | None:
    """What to tell of a license whose end is near."""
    ends = license_.expires_at
    if ends is None or license_.state(datetime.now(UTC)) is not LicenseState.EXPIRING_SOON:
        return None
    return f"the license expires on {ends:%Y-%m-%d %H:%M UTC}, within {EXPIRY_WARNING.days} days; have it renewed"


def of_rollout(rollout: "Rollout") -> list[Event]:
    told = []
    if rollout.written:
        told.append(Event("Applied", f"applied {_named(rollout.written)}"))
    if rollout.repaired:
        told.append(Event("DriftRepaired", f"changed by somebody else and put right: {_named(rollout.repaired)}"))
    if rollout.removal.deleted:
        told.append(Event("Pruned", f"no longer part of the app: {_named(rollout.removal.deleted)}"))
    if rollout.removal.left:
        told.append(Event("NotPruned", f"no longer part of the app, left in the cluster: {_reasons(rollout.removal)}"))
    return told


def of_cleanup(removal: "Removal") -> list[Event]:
    """What the app leaves behind when it goes."""
    if not removal.left:
        return []
    return [Event("NotPruned", f"the app is deleted, left in the cluster: {_reasons(removal)}")]


def of_transition(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Event]:
    """An event when Ready's status or reason changed, and for another thing to mend; work in progress is no news."""
    old, new = _condition(before, "Ready"), _condition(after, "Ready")
    if new is None or new["status"] == "Unknown":
        return []
    # While something is tried again its message may change with every try.
    told_by = ("status", "reason") if _condition(after, "Stalled") is None else ("status", "reason", "message")
    if old is not None and all(old[field] == new[field] for field in told_by):
        return []
    return [Event(new["reason"], new["message"], warning=new["status"] == "False")]


def _condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    return next((c for c in status.get("conditions") or () if c.get("type") == type_), None)


def _reasons(removal: "Removal") -> str:
    told = "; ".join(f"{key}: {reason}" for key, reason in removal.left[:MAX_NAMED])
    return told + (f"; and {len(removal.left) - MAX_NAMED} more" if len(removal.left) > MAX_NAMED else "")


def _named(keys: Sequence[ObjectKey]) -> str:
    shown = ", ".join(str(key) for key in keys[:MAX_NAMED])
    return shown + (f" and {len(keys) - MAX_NAMED} more" if len(keys) > MAX_NAMED else "")
