"""What was applied for an app, and what of it is to be pruned."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.apply.digests import managers
from kotsapp.kube.objects import GroupKind, Identity, ObjectKey

# Deleting one of these deletes what can't be made again: data, or everything inside.
NEVER_PRUNED = frozenset(
    {
        GroupKind("", "PersistentVolumeClaim"),
        GroupKind("", "Namespace"),
        GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)


HELM_POLICY = "helm.sh/resource-policy"


@dataclass(frozen=True, slots=True)
class Entry:
    """One applied object: ``digest`` of what was sent, ``fields`` of what was owned right after.

    ``source`` is, for what runs once, the digest of the object as it was written; ``account`` is the ServiceAccount as
    which it was applied, empty for the operator itself: it is deleted with no other's rights. What has a lower
    ``deletion_phase`` is deleted earlier.
    """

    key: ObjectKey
    digest: str = ""
    fields: str = ""
    source: str = ""
    account: str = ""
    deletion_phase: int = 0

    def to_status(self) -> dict[str, Any]:
        """What is unknown is left out: an old API server's JSON patch makes null of an empty text, which is refused."""
        entry = {
            "apiVersion": self.key.api_version,
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
            "digest": self.digest,
            "fields": self.fields,
            "source": self.source,
            "account": self.account,
            "deletionPhase": self.deletion_phase,
        }
        return {name: value for name, value in entry.items() if value}


@dataclass(frozen=True, slots=True)
class Inventory:
    """Entries by the object's identity, so that a new API version of an object is still the same object."""

    entries: Mapping[Identity, Entry]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Inventory":
        return cls({entry.key.identity: entry for entry in entries})

    @classmethod
    def from_status(cls, items: Iterable[Mapping[str, Any]]) -> "Inventory":
        return cls.of(
            Entry(
                ObjectKey(str(i.get("apiVersion")), str(i.get("kind")), i.get("namespace") or "", str(i.get("name"))),
                str(i.get("digest") or ""),
                str(i.get("fields") or ""),
                str(i.get("source") or ""),
                str(i.get("account") or ""),
                phase if isinstance(phase := i.get("deletionPhase"), int) else 0,
            )
            for i in items
        )

    def to_status(self) -> list[dict[str, Any]]:
        return [entry.to_status() for entry in sorted(self.entries.values(), key=lambda entry: entry.key)]

    def get(self, key: ObjectKey) -> Entry | None:
        return self.entries.get(key.identity)

    def left_over(self, wanted: Collection[ObjectKey]) -> list[Entry]:
        """Entries that are no longer wanted."""
        identities = {key.identity for key in wanted}
        return [entry for identity, entry in self.entries.items() if identity not in identities]


@dataclass(frozen=True, slots=True)
class Marks:
    """How an app's objects are known: its label pair, its uid among their owners, its field manager.

    ``prune_annotation`` is the one that keeps an object from being deleted when it says ``disabled``.
    """

    labels: Mapping[str, str]
    uid: str
    prune_annotation: str
    manager: str


def says_kept(metadata: Mapping[str, Any], annotation: str) -> bool:
    """Whether the object is annotated to outlive its app: by ``annotation``, or as Helm reads its own (DESIGN 6.4)."""
    return kept_by(metadata, annotation) is not None


def kept_by(metadata: Mapping[str, Any], annotation: str) -> str | None:
    """What says so, such as ``kotsapp.dev/prune says disabled``."""
    annotations = metadata.get("annotations") or {}
    if annotations.get(annotation) == "disabled":
        return f"{annotation} says disabled"
    policy = annotations.get(HELM_POLICY)
    if isinstance(policy, str) and policy.strip().lower() == "keep":
        return f"{HELM_POLICY} says keep"
    return None


def spared(obj: Mapping[str, Any], key: ObjectKey, marks: Marks) -> str | None:
    """Why a live object that was applied for the app must not be deleted; None when it may be."""
    metadata = obj.get("metadata") or {}
    labels = metadata.get("labels") or {}
    if key.group_kind in NEVER_PRUNED:
        return f"a {key.kind} is never pruned"
    kept = kept_by(metadata, marks.prune_annotation)
    if kept is not None:
        return f"its annotation {kept}"
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner.get("uid") != marks.uid:
            return f"it belongs to {owner.get('kind')} {owner.get('name')}"
    if any(labels.get(name, value) != value for name, value in marks.labels.items()):
        return "its labels name another KotsApp"
    if marks.labels.keys() - labels.keys() and marks.manager not in managers(metadata):
        return "it was made anew by somebody else"
    return None


def other_owners(obj: Mapping[str, Any], marks: Marks) -> list[Any] | None:
    """The object's owners without the app; None when the app is none of them."""
    owners = (obj.get("metadata") or {}).get("ownerReferences") or []
    others = [owner for owner in owners if owner.get("uid") != marks.uid]
    return None if len(others) == len(owners) else others
