"""Trees of fields as ``metadata.managedFields`` has them (``fieldsV1``): put together, split and looked up. Pure.

A tree's keys are ``f:<name>`` for a field, ``k:<keys as JSON>`` for an entry of a list with keys, ``v:<JSON>`` for one
of a set and ``i:<index>`` for any other item. A key with nothing below is owned as a whole; one with something below
is owned itself only if ``.`` is among it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kotsapp.images.image_path import Step, children

Fields = Mapping[str, Any]
Entry = Mapping[str, Any]

_SELF = "."
# The API server fills this in where a manifest leaves it out, before it compares keys.
KEY_DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}


def union(one: Fields, other: Fields) -> dict[str, Any]:
    """What is in either of the trees."""
    merged = dict(one)
    for key, below in other.items():
        mine = merged.get(key)
        if mine is None or not (mine or below):
            merged[key] = below
        else:
            merged[key] = union(mine or {_SELF: {}}, below or {_SELF: {}})
    return merged


def split(fields: Fields, goes: Callable[[tuple[str, ...]], bool]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tree in two: what ``goes``, by the path of its keys and with all that is below, and what stays."""
    return _split(fields, goes, ())


def _split(
    fields: Fields, goes: Callable[[tuple[str, ...]], bool], above: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    gone: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for key, below in fields.items():
        path = (*above, key)
        if key != _SELF and goes(path):
            gone[key] = below
        elif not below:
            left[key] = below
        else:
            gone_below, left_below = _split(below, goes, path)
            if gone_below:
                gone[key] = gone_below
            if left_below:
                left[key] = left_below
    return gone, left


def places(fields: Fields, live: Any, steps: Sequence[Step]) -> Iterator[tuple[str, ...]]:
    """The key paths of a tree that a dotted path leads to; ``live`` is the object, to find its lists' items in."""
    if not steps:
        yield ()
        return
    for name, child in children(live, steps[0]):
        key = f"f:{name}" if isinstance(name, str) else _item_key(fields, child, name)
        if key is not None and key in fields:
            for below in places(fields[key], child, steps[1:]):
                yield (key, *below)


def strange_entries(fields: Fields, wanted: Any, steps: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The key paths of entries that stand in a wanted list and are not wanted.

    ``steps`` are the names of fields on the way to the list; other lists on the way are looked through in the entries
    that are wanted.
    """
    if isinstance(wanted, list):
        for key, below in fields.items():
            if not key.startswith("k:"):
                continue
            item = next((one for one in wanted if _is_entry(one, key)), None)
            if item is None and not steps:
                yield (key,)
            elif item is not None and steps:
                for path in strange_entries(below, item, steps):
                    yield (key, *path)
    elif steps and isinstance(wanted, Mapping) and steps[0] in wanted and f"f:{steps[0]}" in fields:
        key = f"f:{steps[0]}"
        for path in strange_entries(fields[key], wanted[steps[0]], steps[1:]):
            yield (key, *path)


def _item_key(fields: Fields, item: Any, index: int) -> str | None:
    for key in fields:
        if key == f"i:{index}" or (key.startswith("k:") and _is_entry(item, key)):
            return key
        if key.startswith("v:") and json.loads(key[2:]) == item:
            return key
    return None


def _is_entry(item: Any, key: str) -> bool:
    """Whether a list's item has these keys."""
    keys: Mapping[str, Any] = json.loads(key[2:])
    return isinstance(item, Mapping) and all(
        (item.get(name) if item.get(name) is not None else KEY_DEFAULTS.get(name)) == value
        for name, value in keys.items()
    )
