"""What may be applied with the operator's own rights.

Whoever may write a KotsApp must not gain a right by it. Without an account to impersonate, the operator applies
only inside the KotsApp's namespace, only kinds that are lent (``lending.py``), nothing that would lend the rights of
another account or hand the object to another owner, and never over an object that somebody else made: a pod template
that is taken over keeps the account it runs as, and an account keeps the rights that were bound to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.apply.digests import managers
from kotsapp.apply.lending import Loan
from kotsapp.kube.objects import ObjectKey, is_path_segment, key_of

TOKEN_SECRET_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a Secret's type
# KOTS puts this on all that it applies.
KOTS_MARK = "kots.io/app-slug"
_HINT = "set spec.serviceAccountName to an account that may do this"


@dataclass(frozen=True, slots=True)
class Withheld:
    """An object to which the operator's own rights are not lent.

    ``lendable`` says that they would be with ``--lend edit``; an account that has the rights helps always.
    """

    key: ObjectKey
    reason: str
    lendable: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


def refusal(
    obj: Mapping[str, Any], pod_specs: Iterable[Mapping[str, Any]], namespace: str, loan: Loan
) -> Withheld | None:
    """Why the operator's own rights are not lent to this object; None when they are.

    ``pod_specs`` are those inside the object, ``loan`` says what is lent to the app.
    """
    key = key_of(obj)
    if reason := loan.withheld(obj):
        return Withheld(key, reason, loan.lendable(obj))
    if key.namespace != namespace:
        return Withheld(key, f"it is in namespace {key.namespace}, the KotsApp in {namespace}")
    if key.group_kind == ("", "Secret") and obj.get("type") == TOKEN_SECRET_TYPE:
        return Withheld(key, f"a Secret of type {TOKEN_SECRET_TYPE} would hold another account's token")
    for spec in pod_specs:
        # Either field may be the one that counts, by what the live object holds.
        for account in (str(spec.get(name) or "") for name in ("serviceAccountName", "serviceAccount")):
            if account not in ("", "default") and account not in loan.accounts:
                return Withheld(key, f"its pods would run as ServiceAccount {account}, which this app does not bring")
    return None


def misleading(obj: Mapping[str, Any], own_labels: Mapping[str, str]) -> str | None:
    """Why an object can't be applied with any rights: it would pass for another object or for somebody else's."""
    key, metadata = key_of(obj), obj.get("metadata") or {}
    if not key.name and metadata.get("generateName"):
        return (
            f"{key.kind}/{metadata['generateName']}*: metadata.generateName would make another object every time; give"
            " it a metadata.name"
        )
    if not is_path_segment(key.name):
        return f"{key.kind} {key.name!r}: metadata.name is not a valid name; fix it"
    if metadata.get("ownerReferences"):
        # That would put the object's life into somebody else's hands.
        return f"{key}: metadata.ownerReferences can't be set in a manifest; remove it"
    if _labelled_otherwise(obj, own_labels):
        return f"{key}: its labels {' and '.join(own_labels)} name another KotsApp; remove them from the manifest"
    return None


def stranger(
    live: Mapping[str, Any], own_labels: Mapping[str, str], field_manager: str, *, applied: bool
) -> str | None:
    """Why a live object is not taken over with the operator's own rights; None when it is the app's.

    ``live`` needs its kind and metadata. The app's labels on it say whose it is: whoever may label the object may hand
    it over. ``applied`` says that the app's inventory has it and no other app's, so that one whose labels were taken
    off or changed is still known by ``field_manager``.
    """
    labels = live["metadata"].get("labels") or {}
    if all(labels.get(name) == value for name, value in own_labels.items()):
        return None
    made_by = managers(live["metadata"])
    if applied and field_manager in made_by:
        return None
    marks = [f"{name}={value}" for name, value in own_labels.items()]
    hand_over = f"hand it over with the labels {','.join(marks)}"
    if labels.get(KOTS_MARK):
        command = f"kubectl label {str(live.get('kind') or 'KIND').lower()} -l {KOTS_MARK}={labels[KOTS_MARK]}"
        hand_over = f"hand over what KOTS applied, kind by kind, with: {command} {' '.join(marks)}"
    return (
        f"is there already and is not this KotsApp's (managed by {', '.join(made_by) or 'an unknown owner'}), and the"
        f" operator's own rights take over nothing; rename it in the manifests, delete the one that is there,"
        f" {hand_over}, or {_HINT}"
    )


def _labelled_otherwise(value: Any, own_labels: Mapping[str, str]) -> bool:
    """Whether labels anywhere in the object (a pod template's come to be on pods) name another app."""
    if isinstance(value, list):
        return any(_labelled_otherwise(item, own_labels) for item in value)
    if not isinstance(value, Mapping):
        return False
    labels = value.get("labels")
    if isinstance(labels, Mapping) and any(labels.get(name, own) != own for name, own in own_labels.items()):
        return True
    return any(_labelled_otherwise(item, own_labels) for item in value.values())
