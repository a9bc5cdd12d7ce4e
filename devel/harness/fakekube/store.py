"""Objects and the log of their changes, which watches follow."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.fakekube.kinds import Kind

Object = dict[str, Any]
Place = tuple[str, str]  # namespace and name


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` is the object as it was, None when it was made; ``after`` None when it is gone."""

    version: int
    store: tuple[str, str]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    last: Mapping[str, Any]  # what a watcher is shown: the object, or as it was when it went


@dataclass(slots=True)
class Store:
    """Stored objects are never changed in place: whoever reads one may keep it.

    A watch can begin at ``oldest`` or later.
    """

    version: int = 100
    oldest: int = 0
    log: list[Change] = field(default_factory=list)
    objects: dict[tuple[str, str], dict[Place, Object]] = field(default_factory=dict)
    listeners: set[asyncio.Event] = field(default_factory=set)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self.objects.get(kind.store, {}).get((namespace, name))

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        found = self.objects.get(kind.store, {})
        return [found[place] for place in sorted(found) if namespace in ("", place[0])]

    def everything(self) -> Iterator[tuple[tuple[str, str], Place, Object]]:
        for store, objects in list(self.objects.items()):
            for place, obj in list(objects.items()):
                yield store, place, obj

    def put(self, kind: Kind, obj: Object) -> Object:
        """Store the object with a new resourceVersion."""
        self.version += 1
        metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
        stored = {**obj, "metadata": metadata}
        place = (metadata.get("namespace") or "", metadata["name"])
        before = self.objects.setdefault(kind.store, {}).get(place)
        self.objects[kind.store][place] = stored
        self._notify(Change(self.version, kind.store, before, stored, stored))
        return stored

    def remove(self, store: tuple[str, str], place: Place) -> None:
        self.version += 1
        before = self.objects[store].pop(place)
        metadata = {**before["metadata"], "resourceVersion": str(self.version)}
        self._notify(Change(self.version, store, before, None, {**before, "metadata": metadata}))

    def wake(self) -> None:
        for listener in self.listeners:
            listener.set()

    def _notify(self, change: Change) -> None:
        self.log.append(change)
        self.wake()
