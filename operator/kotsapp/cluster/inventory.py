"""What was applied for an app, and what of it is to be pruned."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.cluster.objects import ObjectKey

# Deleting one of these deletes what can't be made again: data, or everything inside.
NEVER_PRUNED = frozenset(
    {("", "PersistentVolumeClaim"), ("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One applied object: ``digest`` of what was sent, ``fields`` of what was owned right after."""

    key: ObjectKey
    digest: str = ""
    fields: str = ""

    def to_status(self) -> dict[str, str]:
        entry = {"apiVersion": self.key.api_version, "kind": self.key.kind}
        if self.key.namespace:
            entry["namespace"] = self.key.namespace
        return entry | {"name": self.key.name, "digest": self.digest, "fields": self.fields}


@dataclass(frozen=True, slots=True)
class Inventory:
    """Entries by the object's identity, so that a new API version of an object is still the same object."""

    entries: Mapping[tuple[str, str, str, str], Entry]

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
            )
            for i in items
        )

    def to_status(self) -> list[dict[str, str]]:
        return [entry.to_status() for entry in sorted(self.entries.values(), key=lambda entry: entry.key)]

    def get(self, key: ObjectKey) -> Entry | None:
        return self.entries.get(key.identity)

    def left_over(self, wanted: Collection[ObjectKey]) -> list[Entry]:
        """Entries that are no longer wanted."""
        identities = {key.identity for key in wanted}
        return [entry for identity, entry in self.entries.items() if identity not in identities]


def spared(
    obj: Mapping[str, Any], key: ObjectKey, owner_labels: Mapping[str, str], prune_annotation: str
) -> str | None:
    """Why a live object must not be pruned; None when it may be.

    ``owner_labels`` are the labels that every object of the app carries.
    """
    metadata = obj.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if key.group_kind in NEVER_PRUNED:
        return f"a {key.kind} is never pruned"
    if annotations.get(prune_annotation) == "disabled":
        return f"its annotation {prune_annotation} says disabled"
    if any(labels.get(name) != value for name, value in owner_labels.items()):
        return "it belongs to somebody else"
    return None
