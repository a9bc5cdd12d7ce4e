"""The API server: from a call to an answer, without a socket."""

import base64
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.fakekube import answers
from harness.fakekube.fieldset import shown as shown_step
from harness.fakekube.kinds import Kind, Kinds
from harness.fakekube.lifecycle import Lifecycle
from harness.fakekube.managed import APPLY, UPDATE, ConflictError, Manager, applied, conflict_message
from harness.fakekube.patches import PatchError, json_patched, merge_patched
from harness.fakekube.requests import Call, Target
from harness.fakekube.selectors import matches, matches_fields
from harness.fakekube.store import Object, Store
from harness.fakekube.typed import copied, faults
from harness.fakekube.views import listed, shown
from harness.fakekube.writing import Writer

Authorizer = Callable[[str | None, str, Target], None]


class Server:
    """Stores objects and answers calls about them; ``authorize`` raises RefusedError for what a user may not do."""

    def __init__(self, kinds: Kinds, store: Store, writer: Writer, lifecycle: Lifecycle, authorize: Authorizer) -> None:
        self._kinds = kinds
        self._store = store
        self._writer = writer
        self._lifecycle = lifecycle
        self._authorize = authorize
        self._pages: dict[str, tuple[list[Object], str]] = {}
        self._numbers = itertools.count(1)

    def answer(self, call: Call, target: Target) -> dict[str, Any]:
        """The answer's object; raises RefusedError."""
        verb = target.verb(call)
        self._authorize(call.user, verb, target)
        handlers: Mapping[str, Callable[[Call, Target], dict[str, Any]]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
        }
        if verb not in handlers:
            raise answers.refused(405, "the server does not allow this method on the requested resource")
        answer: dict[str, Any] = copied(handlers[verb](call, target))
        return answer

    def forget_pages(self) -> None:
        """Lists that are read in chunks can't be gone on with."""
        self._pages.clear()

    def _get(self, call: Call, target: Target) -> dict[str, Any]:
        return shown(self._live(target), target.kind, call.accept)

    def _list(self, call: Call, target: Target) -> dict[str, Any]:
        token = call.query.get("continue")
        if token:
            if token not in self._pages:
                raise answers.expired("The provided continue parameter is too old to display a consistent list result.")
            items, version = self._pages.pop(token)
        else:
            labels, fields = call.query.get("labelSelector") or "", call.query.get("fieldSelector") or ""
            found = self._store.all(target.kind, target.namespace)
            items = [obj for obj in found if matches(labels, obj["metadata"].get("labels") or {})]
            items = [obj for obj in items if matches_fields(fields, obj)]
            version = str(self._store.version)
        metadata: dict[str, Any] = {"resourceVersion": version}
        limit = int(call.query.get("limit") or 0)
        if limit and len(items) > limit:
            place = {"v": version, "start": next(self._numbers)}
            more = base64.b64encode(json.dumps(place).encode()).decode()
            self._pages[more] = (items[limit:], version)
            metadata |= {"continue": more, "remainingItemCount": len(items) - limit}
            items = items[:limit]
        return listed(items, target.kind, call.accept, metadata)

    def _create(self, call: Call, target: Target) -> dict[str, Any]:
        obj = self._body(call, target)
        name = str(obj["metadata"].get("name") or "")
        generated = obj["metadata"].get("generateName")
        if not name and generated:
            name = obj["metadata"]["name"] = f"{generated}{next(self._numbers):05x}"
        if name and self._store.get(target.kind, target.namespace, name) is not None:
            raise answers.already_exists(target.kind, name)
        return self._writer.write(target.kind, None, obj, self._updater(call, target), dry_run=call.dry_run)

    def _update(self, call: Call, target: Target) -> dict[str, Any]:
        live, obj = self._live(target), self._body(call, target)
        self._check_version(target, obj, live)
        return self._write(call, target, live, obj)

    def _patch(self, call: Call, target: Target) -> dict[str, Any]:
        if call.is_apply:
            return self._apply(call, target)
        live = self._live(target)
        try:
            obj = self._patched(live, call)
        except PatchError:
            raise answers.refused(422, "the server rejected our request due to an error in our request") from None
        self._check_version(target, obj, live)
        return self._write(call, target, live, obj)

    def _patched(self, live: Object, call: Call) -> Object:
        if call.content_type == "application/json-patch+json":
            result: Object = json_patched(live, call.body)
        elif call.content_type in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            result = merge_patched(live, call.body)
        else:
            raise answers.refused(415, f"the body of the request was in an unknown format: {call.content_type}")
        return result

    def _apply(self, call: Call, target: Target) -> dict[str, Any]:
        kind, obj = target.kind, self._body(call, target)
        if obj["metadata"].get("managedFields"):
            raise answers.refused(400, "metadata.managedFields must be nil")
        fault = next(faults(obj, kind.type), None)
        if fault is not None:
            raise answers.not_typed(kind, target.namespace, target.name, fault)
        live = self._store.get(kind, target.namespace, target.name)
        if live is None:
            self._authorize(call.user, "create", target)
        else:
            self._check_version(target, obj, live)
        manager = Manager(call.query["fieldManager"], APPLY, kind.api_version, target.subresource)
        reset = _reset(target)
        try:
            after = applied(
                live, obj, manager, kind.type, self._writer.now(), force=call.query.get("force") == "true", reset=reset
            )
        except ConflictError as error:
            one = [conflict_message([conflict]).partition(": ")[2] for conflict in error.conflicts]
            paths = ["".join(map(shown_step, conflict.path)) for conflict in error.conflicts]
            managers = [text.rpartition(": ")[0] for text in one]
            raise answers.apply_conflict(
                conflict_message(error.conflicts), list(zip(managers, paths, strict=True))
            ) from None
        after |= {"apiVersion": kind.api_version, "kind": kind.kind}
        return self._writer.write(kind, live, after, None, dry_run=call.dry_run, subresource=target.subresource)

    def _delete(self, call: Call, target: Target) -> dict[str, Any]:
        kind, live = target.kind, self._live(target)
        options = call.body or {}
        wanted, metadata = options.get("preconditions") or {}, live["metadata"]
        if wanted.get("uid", metadata["uid"]) != metadata["uid"]:
            raise answers.precondition_failed(kind, target.name, wanted["uid"], metadata["uid"])
        version = metadata["resourceVersion"]
        if wanted.get("resourceVersion", version) != version:
            raise answers.version_precondition_failed(kind, target.name, wanted["resourceVersion"], version)
        if call.dry_run:
            return shown(live, kind, "")
        left = self._lifecycle.delete(kind, live, options.get("propagationPolicy") or "Background")
        if left is not None:
            return shown(left, kind, "")
        details = {"name": target.name, "kind": kind.plural, "uid": live["metadata"]["uid"]}
        details |= {"group": kind.group} if kind.group else {}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _write(self, call: Call, target: Target, live: Object, obj: Object) -> dict[str, Any]:
        return self._writer.write(
            target.kind,
            live,
            obj,
            self._updater(call, target),
            dry_run=call.dry_run,
            subresource=target.subresource,
        )

    def _live(self, target: Target) -> Object:
        live = self._store.get(target.kind, target.namespace, target.name)
        if live is None:
            raise answers.not_found(target.kind, target.name)
        return live

    def _updater(self, call: Call, target: Target) -> Manager:
        name = call.query.get("fieldManager") or call.agent.partition("/")[0]
        return Manager(name, UPDATE, target.kind.api_version, target.subresource)

    def _check_version(self, target: Target, obj: Object, live: Object) -> None:
        wanted = obj["metadata"].get("resourceVersion")
        if wanted and wanted != live["metadata"]["resourceVersion"]:
            raise answers.modified_since(target.kind, target.name)
        uid = obj["metadata"].get("uid")
        if uid and uid != live["metadata"]["uid"]:
            raise answers.precondition_failed(target.kind, target.name, uid, live["metadata"]["uid"])

    def _body(self, call: Call, target: Target) -> Object:
        """The object that was sent, in the namespace that the path names."""
        if not isinstance(call.body, Mapping):
            raise answers.refused(400, "the object provided is unrecognized (must be of type Object)")
        obj: Object = copied(call.body)
        kind: Kind = target.kind
        if (obj.get("apiVersion"), obj.get("kind")) != (kind.api_version, kind.kind):
            found = f"{obj.get('apiVersion')}, Kind={obj.get('kind')}"
            raise answers.refused(400, f"the API version in the data ({found}) does not match the expected API version")
        metadata = obj.setdefault("metadata", {})
        if target.name and metadata.setdefault("name", target.name) != target.name:
            message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
            raise answers.refused(400, message)
        if kind.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise answers.refused(
                400, "the namespace of the provided object does not match the namespace sent on the request"
            )
        return obj


def _reset(target: Target) -> frozenset[tuple[str, ...]]:
    """Fields that this endpoint takes from nobody."""
    if target.subresource == "status":
        return frozenset({("f:spec",)})
    return frozenset({("f:status",)}) if target.kind.has_status else frozenset()
