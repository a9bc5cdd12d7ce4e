"""Sets of fields, as ``managedFields`` records them.

A path is a tuple of steps, each written as in a fieldsV1 document: ``f:NAME`` a field, ``k:{...}`` an item of a list by
its keys, ``v:...`` an item of a set by its value.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.fakekube.schema import Type

Path = tuple[str, ...]
Fields = frozenset[Path]

NOTHING: Fields = frozenset()


def field_step(name: str) -> str:
    return f"f:{name}"


def item_step(item: Any, type_: Type) -> str:
    """How an item of an associative list is told from the others; raises ValueError when a key is missing."""
    if type_.is_set:
        return f"v:{_compact(item)}"
    keys = {}
    for name, default in type_.keys.items():
        value = item.get(name, default) if isinstance(item, Mapping) else None
        if value is not None:
            keys[name] = value
    if not keys:
        raise ValueError(f"associative list with keys has an element that omits key field {min(type_.keys)!r}")
    return f"k:{_compact(dict(sorted(keys.items())))}"


def shown(step: str) -> str:
    """A step as messages have it: ``.spec``, ``[name="a"]``."""
    if step.startswith("k:"):
        return f"[{','.join(f'{name}={_compact(value)}' for name, value in json.loads(step[2:]).items())}]"
    return f"[={step[2:]}]" if step.startswith("v:") else f".{step[2:]}"


def below(fields: Iterable[Path], step: str) -> Fields:
    """The paths that begin with the step, without it; the step itself is not among them."""
    return frozenset(path[1:] for path in fields if len(path) > 1 and path[0] == step)


def with_named(fields: Fields, type_: Type | None) -> Fields:
    """The set with every declared field that leads to one of its fields."""
    found = set(fields)
    for path in fields:
        at = type_
        for length, step in enumerate(path[:-1], start=1):
            if at is not None and step.startswith("f:") and step[2:] in at.fields:
                found.add(path[:length])
            at = _down(at, step)
    return frozenset(found)


def to_document(fields: Iterable[Path]) -> dict[str, Any]:
    """A fieldsV1 document."""
    root: dict[str, Any] = {}
    members = sorted(fields)
    for path in members:
        at = root
        for step in path:
            at = at.setdefault(step, {})
    for path in members:
        at = root
        for step in path:
            at = at[step]
        if at:
            at["."] = {}
    return _sorted(root)


def from_document(document: Mapping[str, Any]) -> Fields:
    return frozenset(_paths(document, ()))


def _paths(document: Mapping[str, Any], path: Path) -> Iterator[Path]:
    if path and (not document or "." in document):
        yield path
    for step, inside in document.items():
        if step != ".":
            yield from _paths(inside, (*path, step))


def _sorted(document: Mapping[str, Any]) -> dict[str, Any]:
    return {step: _sorted(document[step]) for step in sorted(document)}


def _down(type_: Type | None, step: str) -> Type | None:
    if type_ is None:
        return None
    return type_.of(step[2:]) if step.startswith("f:") else type_.item


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
