"""Who owns which fields: ``metadata.managedFields`` before and after a write.

This follows the API server's field manager and structured-merge-diff's ``merge.Updater``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.fakekube.fieldset import Fields, Path, field_step, from_document, shown, to_document, with_named
from harness.fakekube.schema import Type
from harness.fakekube.typed import compare, copied, fields_of, merged, without

APPLY, UPDATE = "Apply", "Update"
BEFORE_FIRST_APPLY = "before-first-apply"

_STRIPPED: Final = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", field_step(name))
            for name in (
                *("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation"),
                *("managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"),
            )
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of ``managedFields``, less what it owns; an applier is the same one in every API version."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        version = "" if self.operation == APPLY else self.api_version
        return self.name, self.operation, version, self.subresource


@dataclass(frozen=True, slots=True)
class Conflict:
    manager: Manager
    path: Path


class ConflictError(Exception):
    """Others own fields that an apply would change, and it was not forced."""

    def __init__(self, conflicts: Iterable[Conflict]) -> None:
        self.conflicts = sorted(conflicts, key=lambda conflict: (conflict.manager.name, conflict.path))
        super().__init__("conflict")


@dataclass(frozen=True, slots=True)
class _Owned:
    manager: Manager
    fields: Fields
    time: str


def applied(
    live: Mapping[str, Any] | None,
    wanted: Mapping[str, Any],
    manager: Manager,
    type_: Type,
    now: str,
    *,
    force: bool,
    reset: Fields,
) -> dict[str, Any]:
    """The live object (None when there is none) after ``manager`` applied ``wanted``; raises ConflictError.

    ``reset`` are fields that this endpoint takes from nobody, as status is of an object.
    """
    before: dict[str, Any] = _bare(live or {})
    config = without(_bare(wanted), reset, type_) or {}
    owned = {one.manager.identity: one for one in _owners(live or {}, now, type_)}
    last = owned.get(manager.identity)
    mine = fields_of(config, type_)
    owned[manager.identity] = _Owned(manager, mine, now)
    after = merged(before, config, type_)
    if last is not None and last.fields:
        everybody = frozenset().union(*(one.fields for one in owned.values()))
        after = _pruned(after, last.fields, everybody, type_)
    owned = _shared_out(owned, before, after, manager, type_, force=force)
    # Until here it owned the name, too, which kept the metadata from going with the last label.
    owned[manager.identity] = _Owned(manager, _kept(mine, reset), now)
    if not owned[manager.identity].fields:
        del owned[manager.identity]
    return _with_owners(after, owned, live or {}, now)


def updated(
    live: Mapping[str, Any] | None, new: Mapping[str, Any], manager: Manager, type_: Type, now: str, *, reset: Fields
) -> dict[str, Any]:
    """The new object with the owners that it has after ``manager`` made it of ``live``, or made it anew.

    Owners that were written into it count; an empty list, or one empty entry, takes all of them away.
    """
    before, after = _bare(live or {}), _bare(new)
    given = new["metadata"].get("managedFields")
    source = {} if given in ([], [{}]) else new if given else live or {}
    owned = {one.manager.identity: one for one in _owners(source, now, type_, first_apply=False)}
    difference = compare(before, after, type_)
    mine = _kept(difference.added | difference.changed, reset)
    previous = owned.get(manager.identity)
    owned = _shared_out(owned, before, after, manager, type_, force=True)
    owned_before = owned[manager.identity].fields if manager.identity in owned else frozenset()
    if mine or owned_before:
        moment = previous.time if previous is not None and mine <= owned_before else now
        owned[manager.identity] = _Owned(manager, owned_before | mine, moment)
    return _with_owners(after, owned, live or {}, now)


def conflict_message(conflicts: Iterable[Conflict]) -> str:
    by_manager: dict[str, list[str]] = {}
    for conflict in conflicts:
        name = f'with "{conflict.manager.name}"'
        if conflict.manager.subresource:
            name += f' with subresource "{conflict.manager.subresource}"'
        if conflict.manager.operation == UPDATE:
            name += f" using {conflict.manager.api_version}"
        by_manager.setdefault(name, []).append("".join(map(shown, conflict.path)))
    count = sum(map(len, by_manager.values()))
    if count == 1:
        (name, paths), *_ = by_manager.items()
        return f"Apply failed with 1 conflict: conflict {name}: {paths[0]}"
    lines = [
        f"conflict{'s' if len(paths) > 1 else ''} {name}:\n- " + "\n- ".join(paths)
        for name, paths in by_manager.items()
    ]
    return f"Apply failed with {count} conflicts: " + "\n".join(lines)


def _pruned(after: Any, last: Fields, everybody: Fields, type_: Type) -> Any:
    """``after`` less what its applier owned until now and nobody owns any more, with what hangs on it alone."""
    was = with_named(last, type_)
    have = with_named(fields_of(after, type_), type_)
    pruned = without(after, was, type_) or {}
    kept = with_named(fields_of(pruned, type_), type_) | with_named(everybody, type_)
    pruned = without(after, have - kept, type_) or {}
    gone = have - with_named(fields_of(pruned, type_), type_)
    return without(after, gone & was, type_) or {}


def _shared_out(
    owned: dict[tuple[str, ...], _Owned], before: Any, after: Any, manager: Manager, type_: Type, *, force: bool
) -> dict[tuple[str, ...], _Owned]:
    """The owners once others have lost what was changed and everybody what is gone."""
    difference = compare(before, after, type_)
    written = difference.added | difference.changed
    others = [one for identity, one in owned.items() if identity != manager.identity]
    conflicts = [Conflict(one.manager, path) for one in others for path in one.fields & written]
    if conflicts and not force:
        raise ConflictError(conflicts)
    result = {}
    for identity, one in owned.items():
        fields = one.fields - difference.removed
        if identity != manager.identity:
            fields -= written
        if fields:
            result[identity] = one if fields == one.fields else replace(one, fields=fields)
    return result


def _owners(live: Mapping[str, Any], now: str, type_: Type, *, first_apply: bool = True) -> list[_Owned]:
    metadata = live.get("metadata") or {}
    entries = metadata.get("managedFields") or []
    if not entries and live and first_apply:
        manager = Manager(BEFORE_FIRST_APPLY, UPDATE, str(live.get("apiVersion")))
        return [_Owned(manager, _kept(fields_of(_bare(live), type_), frozenset()), now)]
    return [
        _Owned(
            Manager(entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", "")),
            from_document(entry["fieldsV1"]),
            entry.get("time", now),
        )
        for entry in entries
    ]


def _with_owners(
    after: dict[str, Any], owned: Mapping[tuple[str, ...], _Owned], live: Mapping[str, Any], now: str
) -> dict[str, Any]:
    known = {json.dumps(_entry(one, "")): one.time for one in _owners(live, now, Type("any"), first_apply=False)}
    entries = []
    for one in owned.values():
        moment = known.get(json.dumps(_entry(one, "")), one.time)
        entries.append(_entry(one, moment))
    entries.sort(key=lambda e: (e["operation"], e["time"], e["manager"], e["apiVersion"], e.get("subresource", "")))
    result: dict[str, Any] = copied(after)
    metadata = result.setdefault("metadata", {})
    metadata.pop("managedFields", None)
    if entries:
        metadata["managedFields"] = entries
    return result


def _entry(one: _Owned, moment: str) -> dict[str, Any]:
    entry = {
        "manager": one.manager.name,
        "operation": one.manager.operation,
        "apiVersion": one.manager.api_version,
        "time": moment,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_document(one.fields),
    }
    return entry | ({"subresource": one.manager.subresource} if one.manager.subresource else {})


def _kept(fields: Fields, reset: Fields) -> Fields:
    """Fields that somebody can own: not what identifies the object, nor what the endpoint takes from nobody."""
    return frozenset(path for path in fields - _STRIPPED if not any(path[: len(prefix)] == prefix for prefix in reset))


def _bare(obj: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(obj)
    if isinstance(obj.get("metadata"), Mapping):
        result["metadata"] = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return result
