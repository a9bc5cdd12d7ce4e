"""Values with their types: which fields they have, how two become one, how they differ, what of them goes.

This follows sigs.k8s.io/structured-merge-diff, function by function.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.fakekube.fieldset import Fields, Path, below, field_step, item_step, shown
from harness.fakekube.schema import ANY, Type

_NUMBERS = {"integer", "number"}


@dataclass(frozen=True, slots=True)
class Comparison:
    added: Fields
    changed: Fields
    removed: Fields


def copied(value: Any) -> Any:
    """A deep copy of a JSON value."""
    if isinstance(value, Mapping):
        return {name: copied(inside) for name, inside in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def faults(value: Any, type_: Type, path: str = "") -> Iterator[str]:
    """What of the value its type doesn't allow."""
    if value is None or type_.form == "any":
        return
    if type_.form == "scalar":
        fault = _scalar_fault(value, type_.scalar)
        if fault:
            yield f"{path}: {fault}"
    elif type_.form == "map":
        if not isinstance(value, Mapping):
            yield f"{path}: expected map, got &{{{value}}}"
            return
        for name, inside in sorted(value.items()):
            below_ = type_.of(name)
            if below_ is None:
                yield f"{path}.{name}: field not declared in schema"
            else:
                yield from faults(inside, below_, f"{path}.{name}")
    elif not isinstance(value, list):
        yield f"{path}: expected list, got &{{{value}}}"
    else:
        yield from _list_faults(value, type_, path)


def fields_of(value: Any, type_: Type) -> Fields:
    """Every field that the value has, as an applier of it owns them."""
    return frozenset(_fields(value, type_, ()))


def merged(live: Any, wanted: Any, type_: Type) -> Any:
    """``live`` with everything that ``wanted`` has."""
    if wanted is None or live is None:
        return copied(live if wanted is None else wanted)
    form = _form(type_, wanted)
    if type_.atomic or form != _form(type_, live):
        return copied(wanted)
    if form == "map":
        together = {name: merged(live.get(name), wanted.get(name), _of(type_, name)) for name in [*live, *wanted]}
        return {name: value for name, value in together.items() if value is not None or name in wanted}
    if form == "list" and type_.form == "list":
        return _merged_lists(live, wanted, type_)
    return copied(wanted)


def without(value: Any, fields: Fields, type_: Type) -> Any:
    """The value less these fields and what is in them; None where nothing is left."""
    if not fields or type_.atomic:
        return value
    form = _form(type_, value)
    if form == "map" and value:
        kept = {}
        for name, inside in value.items():
            step = field_step(name)
            if (step,) not in fields:
                rest = without(inside, below(fields, step), _of(type_, name))
                if rest is not None or inside is None:
                    kept[name] = rest
        return kept or None
    if form == "list" and type_.form == "list" and value:
        items = []
        for item in value:
            step = item_step(item, type_)
            if (step,) not in fields:
                items.append(without(item, below(fields, step), type_.item or ANY))
        return items or None
    return value


def compare(old: Any, new: Any, type_: Type) -> Comparison:
    added: set[Path] = set()
    changed: set[Path] = set()
    removed: set[Path] = set()

    def leaf(old: Any, new: Any, path: Path) -> None:
        if old is None:
            added.add(path)
        elif new is None:
            removed.add(path)
        elif old != new:
            changed.add(path)

    def walk(old: Any, new: Any, at: Type, path: Path) -> None:
        if old is None and new is None:
            return
        form = _form(at, new if old is None else old)
        same_form = old is None or new is None or form == _form(at, new)
        walked = same_form and not at.atomic and (form == "map" or (form == "list" and at.form == "list"))
        if not walked or (not old and not new):
            leaf(old, new, path)
            return
        pairs = _pairs(old or {}, new or {}) if form == "map" else _item_pairs(old or [], new or [], at)
        for step, left, right in pairs:
            walk(left, right, (_of(at, step[2:]) if form == "map" else at.item) or ANY, (*path, step))
        if path and (old is None or new is None):
            leaf(old, new, path)

    walk(old, new, type_, ())
    return Comparison(frozenset(added), frozenset(changed), frozenset(removed))


def _form(type_: Type, value: Any) -> str:
    """The form as which the value is handled; what is declared as anything is what it is, its lists atomic."""
    if type_.form != "any":
        return type_.form
    return "map" if isinstance(value, Mapping) else "list" if isinstance(value, list) else "scalar"


def _of(type_: Type, name: str) -> Type:
    return ANY if type_.form == "any" else type_.of(name) or ANY


def _fields(value: Any, type_: Type, path: Path) -> Iterator[Path]:
    form = _form(type_, value)
    if form == "scalar" or type_.atomic or (form == "list" and type_.form != "list"):
        yield path
    elif form == "map":
        for name, inside in (value or {}).items():
            here = (*path, field_step(name))
            yield from _fields(inside, _of(type_, name), here)
            if inside is None or inside == {} or name not in type_.fields:
                yield here
    else:
        for item in value or ():
            here = (*path, item_step(item, type_))
            yield from _fields(item, type_.item or ANY, here)
            yield here


def _merged_lists(live: Sequence[Any], wanted: Sequence[Any], type_: Type) -> list[Any]:
    """The wanted items in their order, and what only the live list has where it stood between them."""
    item = type_.item or ANY
    left = {item_step(one, type_): one for one in live}
    right = {item_step(one, type_): one for one in wanted}
    ours, theirs = list(right), list(left)
    shared = [step for step in ours if step in left]
    done: set[str] = set()
    out: list[Any] = []
    i = j = 0
    while i < len(theirs) or j < len(ours):
        if i < len(theirs) and j < len(ours):
            if theirs[i] == ours[j]:
                out.append(merged(left[theirs[i]], right[ours[j]], item))
                done.add(theirs[i])
                shared = [step for step in shared if step != theirs[i]]
                i, j = i + 1, j + 1
                continue
            if theirs[i] in right and shared and shared[0] != theirs[i]:
                i += 1
                continue
        if i < len(theirs):
            if theirs[i] not in right:
                out.append(copied(left[theirs[i]]))
                i += 1
                continue
            if theirs[i] in done:
                i += 1
        if j < len(ours):
            out.append(merged(left.get(ours[j]), right[ours[j]], item))
            done.add(ours[j])
            shared = [step for step in shared if step != ours[j]]
            j += 1
    return out


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*old, *new]):
        yield field_step(name), old.get(name), new.get(name)


def _item_pairs(old: Sequence[Any], new: Sequence[Any], type_: Type) -> Iterator[tuple[str, Any, Any]]:
    left = {item_step(item, type_): item for item in old}
    right = {item_step(item, type_): item for item in new}
    for step in dict.fromkeys([*left, *right]):
        yield step, left.get(step), right.get(step)


def _list_faults(value: Sequence[Any], type_: Type, path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(value):
        here = f"{path}[{index}]"
        if not type_.atomic:
            try:
                step = item_step(item, type_)
            except ValueError as error:
                yield f"{path}: element {index}: {error}"
                continue
            here = path + shown(step)
            if step in seen:
                yield f"{path}: duplicate entries for key {shown(step)}"
            seen.add(step)
        yield from faults(item, type_.item or ANY, here)


def _scalar_fault(value: Any, scalar: str) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if scalar in _NUMBERS and not is_number:
        return f"expected numeric (int or float), got {_kind(value)}"
    if scalar == "string" and not isinstance(value, str):
        return f"expected string, got &value.valueUnstructured{{Value:{value}}}"
    if scalar == "boolean" and not isinstance(value, bool):
        return f"expected boolean, got {_kind(value)}"
    if scalar == "quantity" and not (is_number or isinstance(value, str)):
        return f"expected string or number, got {_kind(value)}"
    return ""


def _kind(value: Any) -> str:
    return "string" if isinstance(value, str) else "boolean" if isinstance(value, bool) else type(value).__name__
