"""Identity of a Kubernetes object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class GroupKind(NamedTuple):
    """A kind whichever version it is written in."""

    group: str
    kind: str


class Identity(NamedTuple):
    """What makes it the same object whichever version it is written in."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)


class Owner(NamedTuple):
    """Whose an object is: the namespace and name of what it was applied for."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Which object; ``namespace`` is empty for cluster-scoped kinds."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def identity(self) -> Identity:
        return Identity(self.group, self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    def within(self, namespace: str) -> str:
        """``Kind/name``, with the namespace unless it is ``namespace`` or there is none."""
        if self.namespace in ("", namespace):
            return str(self)
        return f"{self} in namespace {self.namespace}"


def is_path_segment(text: str) -> bool:
    """Whether a name stays one segment of a request's path: with others it would address another object."""
    return text not in ("", ".", "..") and not any(c in "/%?#" or not c.isprintable() or c.isspace() for c in text)


def key_of(obj: Mapping[str, Any]) -> ObjectKey:
    metadata = obj.get("metadata") or {}
    return ObjectKey(obj["apiVersion"], obj["kind"], metadata.get("namespace") or "", metadata.get("name") or "")
