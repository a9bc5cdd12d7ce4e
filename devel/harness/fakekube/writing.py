"""How an object comes to be stored: defaults, owners, validation, what only the server sets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harness.fakekube import answers
from harness.fakekube.defaults import filled_in
from harness.fakekube.kinds import Kind
from harness.fakekube.lifecycle import Lifecycle
from harness.fakekube.managed import Manager, updated
from harness.fakekube.store import Object, Store
from harness.fakekube.typed import copied
from harness.fakekube.validation import causes

# Given the object that is about to be stored and the one that is there, None when there is none; raises RefusedError.
Admission = Callable[[Object, Object | None], None]

_SERVERS = (
    *("uid", "creationTimestamp", "generation", "resourceVersion"),
    *("deletionTimestamp", "deletionGracePeriodSeconds"),
)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Writer:
    """``clock`` tells the times that are written; ``admission`` are webhooks and policies."""

    store: Store
    lifecycle: Lifecycle
    clock: Callable[[], datetime] = utc_now
    admission: list[Admission] = field(default_factory=list)
    made: int = 0

    def now(self) -> str:
        return self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def write(
        self,
        kind: Kind,
        live: Object | None,
        obj: Object,
        manager: Manager | None,
        *,
        dry_run: bool,
        subresource: str = "",
    ) -> Object:
        """Store what ``live`` becomes; raises RefusedError. ``manager`` updates it, None if its owners are in it.

        What changes nothing is not stored, and a dry run is only answered.
        """
        new = self._prepared(kind, live, obj, subresource)
        if live is None:
            self._check_namespace(kind, new)
        new = filled_in(new, kind.type, custom=kind.custom)
        new = {name: value for name, value in new.items() if value is not None}
        if manager is not None:
            reset = frozenset({("f:spec",)} if subresource else {("f:status",)} if kind.has_status else ())
            if obj["metadata"].get("managedFields") == []:
                new["metadata"]["managedFields"] = []
            owners = updated(live, new, manager, kind.type, self.now(), reset=reset)
            new["metadata"] = owners["metadata"]
        problems = causes(new, live, kind.type, custom=kind.custom)
        if problems:
            raise answers.invalid(kind, str(new["metadata"].get("name") or ""), problems)
        for admit in self.admission:
            admit(copied(new), live)
        if live is not None and _is_same(live, new):
            return live
        if live is not None and kind.has_generation and _content(live) != _content(new):
            new["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        if dry_run:
            if live is None:
                new["metadata"].pop("resourceVersion", None)
            return new
        stored = self.store.put(kind, new)
        self.lifecycle.stored(kind, stored)
        return stored

    def _prepared(self, kind: Kind, live: Object | None, obj: Object, subresource: str) -> Object:
        """The object with what its writer may not set as it is."""
        new: Object = copied(obj)
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        metadata = {name: value for name, value in new["metadata"].items() if value is not None and value != {}}
        for name in _SERVERS:
            metadata.pop(name, None)
        if live is None:
            self.made += 1
            metadata["uid"] = f"00000000-0000-4000-8000-{self.made:012x}"
            metadata["creationTimestamp"] = self.now()
            if kind.has_generation:
                metadata["generation"] = 1
            if kind.has_status:
                new.pop("status", None)
            return {**new, "metadata": metadata}
        metadata |= {name: live["metadata"][name] for name in _SERVERS if name in live["metadata"]}
        if subresource:
            metadata = {**live["metadata"], "managedFields": metadata.get("managedFields") or []}
            return {**copied(live), "metadata": metadata, "status": new.get("status")}
        if kind.has_status:
            new.pop("status", None)
            if "status" in live:
                new["status"] = copied(live["status"])
        if not metadata.get("finalizers"):
            metadata.pop("finalizers", None)
        return {**new, "metadata": metadata}

    def _check_namespace(self, kind: Kind, obj: Object) -> None:
        if not kind.namespaced:
            return
        name = obj["metadata"]["namespace"]
        namespaces = self.lifecycle.kinds.called("Namespace")
        namespace = self.store.get(namespaces, "", name)
        if namespace is None:
            raise answers.not_found(namespaces, name)
        if "deletionTimestamp" in namespace["metadata"]:
            why = f"unable to create new content in namespace {name} because it is being terminated"
            raise answers.forbidden(kind, obj["metadata"]["name"], why)


def _is_same(live: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether nothing is different; when an owner wrote last is no difference."""
    return _timeless(live) == _timeless(new)


def _timeless(obj: Mapping[str, Any]) -> dict[str, Any]:
    entries = [{k: v for k, v in entry.items() if k != "time"} for entry in obj["metadata"].get("managedFields") or ()]
    rest = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "resourceVersion")}
    return {**obj, "metadata": {**rest, "managedFields": entries}}


def _content(obj: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status", "apiVersion", "kind")}
