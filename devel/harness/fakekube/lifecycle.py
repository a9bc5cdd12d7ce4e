"""How objects go, and what comes and goes with them: finalizers, dependents, namespaces, definitions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.fakekube.kinds import Kind, Kinds
from harness.fakekube.store import Object, Place, Store

DEFINITION = ("apiextensions.k8s.io", "customresourcedefinitions")
NAMESPACE = ("", "namespaces")


@dataclass(slots=True)
class Lifecycle:
    """What controllers do at their own pace is done at once here.

    ``establishes`` says that definitions are served; ``collects`` that the garbage collector works.
    """

    kinds: Kinds
    store: Store
    clock: Callable[[], datetime]
    establishes: bool = True
    collects: bool = True

    def delete(self, kind: Kind, live: Object, propagation: str = "Background") -> Object | None:
        """Delete the object; it as it is while finalizers hold it, else None."""
        metadata = live["metadata"]
        place = (metadata.get("namespace") or "", metadata["name"])
        if kind.store == NAMESPACE:
            return self._terminate(kind, live)
        if propagation == "Foreground" and self.collects:
            self._collect(metadata["uid"])
        if propagation == "Orphan":
            self._orphan(metadata["uid"])
        if metadata.get("finalizers"):
            return self._marked(kind, live)
        self._gone(kind.store, place)
        return None

    def stored(self, kind: Kind, obj: Object) -> None:
        """An object was written: one that is deleted and held by nobody any more goes."""
        metadata = obj["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and kind.store != NAMESPACE:
            self._gone(kind.store, (metadata.get("namespace") or "", metadata["name"]))
        elif kind.store == DEFINITION and self.establishes:
            self.establish(obj)

    def establish(self, definition: Object) -> None:
        """Serve what the definition defines, and say so in its status."""
        self.kinds.define(definition)
        spec = definition["spec"]
        conditions = [
            {"type": type_, "status": "True", "reason": reason}
            for type_, reason in (("NamesAccepted", "NoConflicts"), ("Established", "InitialNamesAccepted"))
        ]
        versions = [version["name"] for version in spec["versions"] if version.get("storage")]
        status = {"conditions": conditions, "acceptedNames": spec["names"], "storedVersions": versions}
        if definition.get("status") != status:
            self.store.put(self.kinds.called("CustomResourceDefinition"), {**definition, "status": status})

    def _marked(self, kind: Kind, live: Object) -> Object:
        if "deletionTimestamp" in live["metadata"]:
            return live
        moment = self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = {**live["metadata"], "deletionTimestamp": moment, "deletionGracePeriodSeconds": 0}
        if kind.has_generation:
            metadata["generation"] = metadata.get("generation", 0) + 1
        return self.store.put(kind, {**live, "metadata": metadata})

    def _gone(self, store: tuple[str, str], place: Place) -> None:
        obj = self.store.objects[store][place]
        self.store.remove(store, place)
        if store == DEFINITION:
            self._undefine(obj)
        if self.collects:
            self._collect(obj["metadata"]["uid"])
        self._empty_namespace(place[0])

    def _undefine(self, definition: Mapping[str, Any]) -> None:
        spec = definition["spec"]
        store = (spec["group"], spec["names"]["plural"])
        for place in list(self.store.objects.get(store, {})):
            self.store.remove(store, place)
        self.kinds.undefine(definition)

    def _collect(self, owner: str) -> None:
        """Delete what this owner was the last one of."""
        uids = {obj["metadata"]["uid"] for _, _, obj in self.store.everything()} - {owner}
        for store, place, obj in self.store.everything():
            owners = obj["metadata"].get("ownerReferences") or ()
            if not any(one["uid"] == owner for one in owners) or any(one["uid"] in uids for one in owners):
                continue
            if place in self.store.objects[store]:
                self.delete(self._kind(store), obj)

    def _orphan(self, owner: str) -> None:
        for store, _, obj in self.store.everything():
            owners = obj["metadata"].get("ownerReferences") or ()
            left = [one for one in owners if one["uid"] != owner]
            if len(left) < len(owners):
                self.store.put(self._kind(store), {**obj, "metadata": {**obj["metadata"], "ownerReferences": left}})

    def _terminate(self, kind: Kind, live: Object) -> Object | None:
        """A namespace goes when all that is in it has gone."""
        name = live["metadata"]["name"]
        if "deletionTimestamp" not in live["metadata"]:
            self._marked(kind, {**live, "status": {"phase": "Terminating"}})
        for store, place, obj in self.store.everything():
            if place[0] == name and place in self.store.objects[store]:
                self.delete(self._kind(store), obj)
        self._empty_namespace(name)
        return self.store.get(kind, "", name)

    def _empty_namespace(self, name: str) -> None:
        namespace = self.store.objects.get(NAMESPACE, {}).get(("", name))
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return
        if not any(place[0] == name for _, place, _ in self.store.everything()):
            self.store.remove(NAMESPACE, ("", name))

    def _kind(self, store: tuple[str, str]) -> Kind:
        return self.kinds.stored_in(store)
