"""Bytes of a license to plain values: bounded before anything is built, and with no value bent.

YAML readers disagree about scalars, and a signature is over the exact text of a value. So a plain scalar is null, a
boolean or a decimal integer only when every reader agrees; a timestamp, ``22:22``, ``0o17``, ``yes`` stay text. The
parser's events are read instead of its objects, because libyaml's composer overflows the stack on deep nesting.
"""

import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import yaml

from kotsapp.license.errors import LicenseError, LicenseReason, shown
from kotsapp.regexes import regex

Value: TypeAlias = "bool | int | str | list[Value] | dict[str, Value] | None"

# Real licenses have 10 to 50 KiB; a Secret can hold 1 MiB.
MAX_BYTES = 1024 * 1024
# Real licenses are 5 deep.
MAX_DEPTH = 32
# Real licenses have some hundred. Each is read by Python, some microseconds long, and takes up to 70 bytes: 500,000 in
# 1 MiB took most of two seconds, and 26 MiB.
MAX_VALUES = 20_000
# What entitlement values are: int64 in the vendor's own reader.
_INT64 = range(-(2**63), 2**63)
_LONGEST_NUMBER = 40

_NUMBER = regex(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?")
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# The closing quote is optional and the repeat possessive, so that hostile input can't make this quadratic.
_JSON_STRUCTURE = regex(rb'"(?:[^"\\]|\\.)*+"?|[\[{,]|[\]}]', re.DOTALL)
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(data: bytes) -> Value:
    """The one YAML document in ``data``. Raises LicenseError (LicenseInvalid), naming line and column."""
    if len(data) > MAX_BYTES:
        raise _invalid(f"the document is larger than {MAX_BYTES // 1024} KiB, which no license is")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(f"the document is not UTF-8 text (byte {error.start})") from None
    try:
        documents = [value for value in _documents(yaml.parse(text, Loader=_PARSER)) if value is not None]
    except yaml.MarkedYAMLError as error:
        raise _invalid(f"the document is not YAML{_at(error.problem_mark)}: {error.problem}") from None
    except yaml.YAMLError:
        raise _invalid("the document is not YAML: it holds characters that YAML forbids") from None
    if not documents:
        raise _invalid("the document is empty")
    if len(documents) > 1:
        raise _invalid(f"it holds {len(documents)} YAML documents; put the License alone into it")
    return documents[0]


def parse_json(data: bytes) -> Value:
    """One JSON text, with numbers read as in YAML. Raises ValueError with what is wrong, without quoting it."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 1024} KiB")
    _check_shape(data)
    try:
        value: Value = json.loads(
            data.decode("utf-8"),
            parse_int=number,
            parse_float=number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON (character {error.pos}: {error.msg})") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    return value


def number(written: str) -> int | str:
    """A number as the vendor's signer saw it: ``1.232435e+06`` is 1232435; what is no int64 stays as written."""
    if len(written) > _LONGEST_NUMBER:
        return written
    try:
        value = Decimal(written)
    except InvalidOperation:  # an exponent of more digits than there is room for
        return written
    if abs(value.adjusted()) > 18 or value != value.to_integral_value():
        return written
    whole = int(value)
    return whole if whole in _INT64 else written


def plain(written: str) -> bool | int | str | None:
    """What a plain (unquoted) YAML scalar means."""
    if written in _CONSTANTS:
        return _CONSTANTS[written]
    return number(written) if _NUMBER.fullmatch(written) else written


class _Open:
    """A mapping or a sequence whose end was not seen yet."""

    __slots__ = ("container", "key")

    def __init__(self, container: list[Value] | dict[str, Value]) -> None:
        self.container = container
        self.key: str | None = None

    def add(self, value: Value, event: Any) -> None:
        if isinstance(self.container, list):
            self.container.append(value)
        elif self.key is None:
            raise _invalid(f"a key is not text{_at(event.start_mark)}")
        else:
            self.container[self.key] = value
            self.key = None

    def wants_key(self) -> bool:
        return isinstance(self.container, dict) and self.key is None

    def open_key(self, key: str, event: Any) -> None:
        if key in self.container:
            raise _invalid(f"the key {shown(key)} stands there twice{_at(event.start_mark)}")
        self.key = key


def _documents(events: Iterable[Any]) -> Iterable[Value]:
    stack: list[_Open] = []
    values = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise _invalid(f"it uses a YAML alias{_at(event.start_mark)}; write the value out")
        if isinstance(event, yaml.NodeEvent):
            _refuse_decoration(event)
            values += 1
            if values > 2 * MAX_VALUES:  # keys are nodes, too
                raise _invalid(f"it has more than {MAX_VALUES:,} values{_at(event.start_mark)}, which no license has")
        if isinstance(event, yaml.ScalarEvent):
            if stack and stack[-1].wants_key():
                stack[-1].open_key(event.value, event)
                continue
            value: Value = plain(event.value) if event.implicit[0] else event.value
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(stack) == MAX_DEPTH:
                raise _invalid(f"it is nested deeper than {MAX_DEPTH} levels{_at(event.start_mark)}")
            stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else []))
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            value = stack.pop().container
        else:
            continue
        if stack:
            stack[-1].add(value, event)
        else:
            yield value


def _refuse_decoration(event: Any) -> None:
    if event.anchor is not None or getattr(event, "tag", None) is not None:
        raise _invalid(f"it uses a YAML anchor or tag{_at(event.start_mark)}; a license has plain values only")


def _check_shape(data: bytes) -> None:
    """Raises ValueError for JSON that is too deep, or of too many values."""
    depth = marks = 0
    for found in _JSON_STRUCTURE.finditer(data):
        mark = found.group()
        if mark in b"[{,":
            marks += 1
            if marks > 2 * MAX_VALUES:  # one for a value, another one for what it opens
                raise ValueError(f"it has more than {MAX_VALUES:,} values")
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
        elif mark in b"]}":
            depth -= 1


def _unique(pairs: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("one object has a key twice")
    return values


def _refuse_constant(name: str) -> Value:
    raise ValueError(f"{name} is no JSON number")


def _at(mark: Any) -> str:
    return f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""


def _invalid(problem: str) -> LicenseError:
    return LicenseError(LicenseReason.INVALID, problem)
