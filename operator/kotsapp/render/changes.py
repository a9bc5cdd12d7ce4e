"""What a rewriting changed in an object, as single changes at exact places."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kotsapp.images.image_path import Path


class Missing(Enum):
    """Stands for a value that is not there (None is one that is)."""

    MISSING = "missing"


MISSING = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` is MISSING for what was added, ``after`` for what was taken away."""

    path: Path
    before: Any
    after: Any


def changes(before: Any, after: Any, path: Path = ()) -> Iterator[Change]:
    """The changes that make ``after`` out of ``before``; an item added to a list's end is one change.

    Branches that both share are not looked at, so the cost is that of the changes, not of the object.
    """
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from changes(value, after.get(key, MISSING), (*path, key))
        for key, value in after.items():
            if key not in before:
                yield Change((*path, key), MISSING, value)
    elif isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
        for index, value in enumerate(after):
            there = index < len(before)
            yield from changes(before[index] if there else MISSING, value, (*path, index))
    elif type(before) is not type(after) or before != after:
        yield Change(path, before, after)
