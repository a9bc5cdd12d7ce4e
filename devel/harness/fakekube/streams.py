"""Watches: from a resourceVersion on, what happens to the objects that match."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.fakekube.answers import expired
from harness.fakekube.requests import Call, Record, Target
from harness.fakekube.selectors import matches, matches_fields
from harness.fakekube.store import Change, Store
from harness.fakekube.views import bookmark, shown


class CutError(Exception):
    """The connection of the watch was cut."""


@dataclass(slots=True, eq=False)
class Stream:
    """One watch that is open. ``ending`` is how it ends: None not yet, else ``end``, ``cut`` or ``expire``."""

    record: Record
    target: Target
    call: Call
    store: Store
    ending: str | None = None
    bookmarks: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def finish(self, how: str) -> None:
        self.ending = how
        self._wake.set()

    def mark(self) -> None:
        self.bookmarks += 1
        self._wake.set()

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Events until the watch ends; raises CutError when it is cut."""
        asked = self.call.query.get("resourceVersion") or "0"
        at = int(asked)
        if at and at < self.store.oldest:
            yield _error(f"too old resource version: {at} ({self.store.oldest})")
            return
        if not at:
            at = self.store.version
            for obj in self.store.all(self.target.kind, self.target.namespace):
                if self._selects(obj):
                    yield self._event("ADDED", obj)
        self.store.listeners.add(self._wake)
        try:
            position = len(self.store.log)
            while position and self.store.log[position - 1].version > at:
                position -= 1
            while True:
                self._wake.clear()
                while position < len(self.store.log):
                    change = self.store.log[position]
                    position += 1
                    event = self._visible(change)
                    if event is not None:
                        yield event
                while self.bookmarks:
                    self.bookmarks -= 1
                    version = self.store.version
                    yield {"type": "BOOKMARK", "object": bookmark(version, self.target.kind, self.call.accept)}
                if self.ending == "expire":
                    yield _error("The resourceVersion for the provided watch is too old.")
                if self.ending == "cut":
                    raise CutError
                if self.ending is not None:
                    return
                await self._wake.wait()
        finally:
            self.store.listeners.discard(self._wake)

    def _visible(self, change: Change) -> dict[str, Any] | None:
        """What the change is to this watch: to a selector an object comes and goes with its labels."""
        if change.store != self.target.kind.store:
            return None
        namespace = change.last["metadata"].get("namespace") or ""
        if self.target.namespace not in ("", namespace):
            return None
        was = change.before is not None and self._selects(change.before)
        is_ = change.after is not None and self._selects(change.after)
        if not (was or is_):
            return None
        if was and not is_ and change.before is not None:  # as it was when it was selected
            version = change.last["metadata"]["resourceVersion"]
            before = change.before
            return self._event("DELETED", {**before, "metadata": {**before["metadata"], "resourceVersion": version}})
        return self._event("MODIFIED" if was else "ADDED", change.last)

    def _selects(self, obj: Mapping[str, Any]) -> bool:
        query, labels = self.call.query, obj["metadata"].get("labels") or {}
        return matches(query.get("labelSelector") or "", labels) and matches_fields(
            query.get("fieldSelector") or "", obj
        )

    def _event(self, type_: str, obj: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": type_, "object": shown(obj, self.target.kind, self.call.accept)}


def _error(message: str) -> dict[str, Any]:
    return {"type": "ERROR", "object": expired(message).body}
