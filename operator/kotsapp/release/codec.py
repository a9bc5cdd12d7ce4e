"""Answers of a reader as frames of JSON, and back into the dataclasses and NamedTuples that they were.

What reads hostile input may have been taken over by it. So its answer is data of known types and bounded size, checked
on the way back, and in pieces that are small enough to be parsed without holding up anything else.
"""

import base64
import binascii
import collections.abc
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

# An item that is larger is in a frame of its own. Python parses so much in about a millisecond.
FRAME_BYTES = 128 * 1024
# An entry of a dictionary, or of a list.
VALUE_BYTES = 80
_FIELD, _ITEMS, _VALUE = "field", "items", "value"


class CodecError(ValueError):
    """What came is no answer of the type that is wanted."""


def encode(value: Any) -> Iterator[bytes]:
    """A dataclass, field by field; long lists over several frames, and so those of a dataclass that a field holds."""
    hints = _hints(type(value))
    for name in _names(type(value)):
        content = getattr(value, name)
        if _has_fields(hints.get(name)):
            for inner in _names(type(content)):
                yield from _field_frames(f"{name}.{inner}", getattr(content, inner))
        else:
            yield from _field_frames(name, content)


def decode(type_: type[Any], frames: Iterable[bytes]) -> Any:
    """The dataclass of that type. Raises CodecError."""
    found: dict[str, Any] = {}
    hints = _hints(type_)
    for data in frames:
        frame = _parsed(data)
        outer, _, inner = str(frame.get(_FIELD)).partition(".")
        if outer not in hints or (inner and not _has_fields(hints[outer])):
            raise CodecError(f"{type_.__name__} has no such field")
        into = _of(dict, found.setdefault(outer, {})) if inner else found
        name = inner or outer
        if _ITEMS in frame:
            _of(list, into.setdefault(name, [])).extend(_of(list, frame[_ITEMS]))
        else:
            into[name] = frame.get(_VALUE)
    return _built(type_, found)


def weight(frames: Sequence[bytes]) -> int:
    """How many bytes an answer will take in memory, roughly: its text, and each value in it."""
    values = sum(frame.count(b",") + frame.count(b":") for frame in frames)
    return sum(map(len, frames)) + VALUE_BYTES * values


def to_json(value: Any) -> Any:
    """The value in types that JSON has."""
    return _plain(value)


def from_json(type_: type[Any], value: Any) -> Any:
    """The dataclass of that type that ``to_json`` was given; fields that it does not have are left out, as a later
    version may have more. Raises CodecError."""
    hints = _hints(type_)
    known = {name: item for name, item in _of(dict, value).items() if name in hints}
    for name, hint in hints.items():
        if _has_fields(hint) and name in known:
            known[name] = from_json(hint, known[name])
    return type_(
        **{name: item if _has_fields(type(item)) else _typed(hints[name], item) for name, item in known.items()}
    )


def _field_frames(name: str, content: Any) -> Iterator[bytes]:
    if content.__class__ in (tuple, list):
        yield from _list_frames(name, content)
    else:
        yield _written({_FIELD: name, _VALUE: _plain(content)})


def _list_frames(name: str, items: Iterable[Any]) -> Iterator[bytes]:
    waiting: list[str] = []
    size, any_ = 0, False
    for item in items:
        text = json.dumps(_plain(item), separators=(",", ":"), allow_nan=False)
        if waiting and size + len(text) > FRAME_BYTES:
            yield _items_frame(name, waiting)
            waiting, size, any_ = [], 0, True
        waiting.append(text)
        size += len(text)
    if waiting or not any_:
        yield _items_frame(name, waiting)


def _items_frame(name: str, texts: list[str]) -> bytes:
    return f'{{"{_FIELD}":{json.dumps(name)},"{_ITEMS}":[{",".join(texts)}]}}'.encode()


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"a frame is no JSON: {error}") from None
    if not isinstance(frame, dict):
        raise CodecError("a frame is no JSON object")
    return frame


def _plain(value: Any) -> Any:
    if value is None or value.__class__ in (str, int, float, bool):
        return value
    if value.__class__ is dict:
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if value.__class__ in (list, tuple):
        return [_plain(item) for item in value]
    if _has_fields(value.__class__):
        return {name: _plain(getattr(value, name)) for name in _names(value.__class__)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item) for item in value)
    raise TypeError(f"{type(value).__name__} can't be in an answer")


def _has_fields(type_: Any) -> bool:
    """Whether it is a dataclass or a NamedTuple."""
    return isinstance(type_, type) and (is_dataclass(type_) or hasattr(type_, "_fields"))


def _names(type_: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(type_)) if is_dataclass(type_) else tuple(type_._fields)


def _hints(type_: Any) -> dict[str, Any]:
    """The types of what it is made from."""
    hints = typing.get_type_hints(type_)
    made_from = {field.name for field in fields(type_) if field.init} if is_dataclass(type_) else set(_names(type_))
    return {name: hints[name] for name in _names(type_) if name in made_from}


def _built(type_: type[Any], found: Mapping[str, Any]) -> Any:
    hints = _hints(type_)
    unknown = found.keys() - hints
    if unknown:
        raise CodecError(f"{type_.__name__} has no such field")
    try:
        return type_(**{name: _typed(hints[name], value) for name, value in found.items()})
    except TypeError as error:
        raise CodecError(f"{type_.__name__}: {error}") from None


def _typed(hint: Any, value: Any) -> Any:
    """The value as the type hint has it; whatever stands under Any is JSON already."""
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _one_of(arguments, value)
    if origin in (tuple, list, frozenset, collections.abc.Sequence):
        return _sequence(origin, arguments, value)
    if origin in (dict, collections.abc.Mapping):
        if arguments[1] is Any:
            return _of(dict, value)
        return {_typed(arguments[0], key): _typed(arguments[1], item) for key, item in _of(dict, value).items()}
    if _has_fields(hint):
        return _built(hint, _of(dict, value))
    return _scalar(hint, value)


def _scalar(hint: Any, value: Any) -> Any:
    if hint in (None, types.NoneType):
        return _of(types.NoneType, value)
    if hint is bytes:
        try:
            return base64.b64decode(_of(str, value), validate=True)
        except binascii.Error as error:
            raise CodecError(f"bytes are no base64: {error}") from None
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            raise CodecError(f"no {hint.__name__}") from None
    if hint is float and value.__class__ is int:
        return value
    return _of(hint, value)


def _sequence(origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    items = _of(list, value)
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        if len(items) != len(arguments):
            raise CodecError("a tuple has another length")
        return tuple(_typed(hint, item) for hint, item in zip(arguments, items, strict=True))
    typed = (_typed(arguments[0], item) for item in items)
    return list(typed) if origin is list else frozenset(typed) if origin is frozenset else tuple(typed)


def _one_of(hints: tuple[Any, ...], value: Any) -> Any:
    for hint in hints:
        try:
            return _typed(hint, value)
        except CodecError:
            continue
    raise CodecError("a value is of none of the types that it may have")


def _of(type_: Any, value: Any) -> Any:
    if not isinstance(type_, type) or value.__class__ is not type_:
        raise CodecError(f"{value.__class__.__name__} in place of {getattr(type_, '__name__', type_)}")
    return value
