"""Scalars as kubectl reads them.

kubectl reads YAML with go-yaml v2, turns it into JSON and decodes that with integers kept apart from other numbers.
The outcome is neither YAML 1.1 nor 1.2: ``y`` and ``on`` are true, ``0777`` and ``0o777`` are octal, ``1_000`` is a
number, ``1e3`` and ``1.0`` are integers, and ``22:22`` and dates are strings.
"""

import base64
import binascii
import struct
from decimal import Decimal
from typing import Any

from kotsapp.regexes import regex

MIN_INT64, MAX_INT64, MAX_UINT64 = -(2**63), 2**63 - 1, 2**64 - 1

_TAG = "tag:yaml.org,2002:"
_RESOLVED_TAGS = frozenset({"bool", "int", "float", "null", "timestamp"})
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_FINITE = {
    f"{sign}.{word}": float(f"{sign}{word}")
    for sign, words in (
        ("", ("inf", "Inf", "INF", "nan", "NaN", "NAN")),
        ("+", ("inf", "Inf", "INF")),
        ("-", ("inf", "Inf", "INF")),
    )
    for word in words
}
_INTEGER = regex(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
# 2**64 has 20 digits; what is longer is a float, and Python refuses to read integers of thousands of digits.
_LONGEST_INTEGER = 20
_SIGNED_BINARY = regex(r"0b([-+][01]+)")
_FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# Read by other rules than what starts with a digit: an underscore only between two digits.
_POINT_FLOAT = regex(r"\.[0-9]+(?:_[0-9]+)*+(?:[eE][-+]?[0-9]+(?:_[0-9]+)*+)?")
_TIMESTAMP = regex(
    r"[0-9]{4}-(?:1[0-2]|0?[1-9])-(?:3[01]|[12][0-9]|0?[1-9])"
    r"(?:[Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})"
    r"| [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:[.,][0-9]+)?)?"
)
_ESCAPED_BYTE = regex("[\udc80-\udcff]")


class ScalarError(ValueError):
    """The scalar means nothing in JSON, or not what its tag says. The message is for the author."""


def plain(text: str) -> Any:
    """A scalar without quotes: str, int, float, bool or None. Raises ScalarError for ``.inf`` and ``.nan``."""
    return in_json(resolve(text))


def tagged(tag: str, text: str) -> Any:
    """A scalar with an explicit tag, not yet passed through JSON; a tag that kubectl doesn't know leaves a string.

    Raises ScalarError.
    """
    if not tag.startswith(_TAG):
        return text
    kind = tag.removeprefix(_TAG)
    if kind == "str":
        return text
    if kind == "binary":
        return _binary(text)
    if kind == "timestamp" and _TIMESTAMP.fullmatch(text):
        return text
    if kind not in _RESOLVED_TAGS:
        return text
    value = resolve(text)
    if kind == "float" and _is_integer(value) and value <= MAX_INT64:
        return float(value)
    if isinstance(value, bool):
        fits = kind == "bool"
    elif isinstance(value, int):
        fits = kind == "int"
    elif isinstance(value, float):
        fits = kind == "float"
    else:
        fits = kind == "null" and value is None
    if not fits:
        raise ScalarError(f"the value is not of type {kind}, as its tag says: remove the tag")
    return value


def json_number(value: float) -> int | float:
    """A float after a way through JSON: an integer when it is one and fits 64 bits. Raises ScalarError."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ScalarError(f"{value} can't be written in JSON: quote it if it is text")
    if value.is_integer() and MIN_INT64 <= value <= MAX_INT64:
        # Through the shortest digits that mean this float, which is what is written: 2**62 is 4611686018427388000.
        return int(Decimal(repr(value)))
    return value


def json_integer(value: int) -> int | float:
    """An integer after a way through JSON: what doesn't fit 64 bits with a sign becomes a float."""
    return value if MIN_INT64 <= value <= MAX_INT64 else float(value)


def in_json(value: Any) -> Any:
    """A resolved scalar after a way through JSON. Raises ScalarError for numbers that aren't finite."""
    if isinstance(value, float):
        return json_number(value)
    if _is_integer(value):
        return json_integer(value)
    return value


def key(text: str) -> str:
    """A mapping's key without quotes, as the string it becomes in JSON. Raises ScalarError."""
    value = resolve(text)
    return value if isinstance(value, str) else key_of(value)


def key_of(value: Any) -> str:
    """A resolved scalar as a mapping's key. Raises ScalarError."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value <= MAX_INT64:
        return str(value)
    if isinstance(value, float):
        return _shortest_float32(value)
    found = "null" if value is None else f"an integer of more than 63 bits ({value})"
    raise ScalarError(f"{found} can't be a key: quote it if it is text")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def resolve(text: str) -> Any:
    """What go-yaml resolves a plain scalar to, not yet passed through JSON: there 1.0 is still a float."""
    if not text:
        return None
    first = text[0]
    if first in "0123456789+-":
        if text in _NOT_FINITE:
            return _NOT_FINITE[text]
        return _number(text)
    if first in "yYnNtTfFoO~":
        return _WORDS.get(text, text)
    if first == ".":
        if text in _NOT_FINITE:
            return _NOT_FINITE[text]
        if _POINT_FLOAT.fullmatch(text):
            return _finite(text.replace("_", ""), text)
    return text


def _number(text: str) -> Any:
    digits = text.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match and len(match[5] or "") <= _LONGEST_INTEGER:
        sign, *numerals = match.groups()
        value = next(int(n, base) for n, base in zip(numerals, (16, 2, 8, 10), strict=True) if n is not None)
        value = -value if sign == "-" else value
        if MIN_INT64 <= value <= (MAX_INT64 if sign else MAX_UINT64):
            return value
    if _FLOAT.fullmatch(digits):
        return _finite(digits, text)
    binary = _SIGNED_BINARY.fullmatch(digits)
    if binary and MIN_INT64 <= (value := int(binary[1], 2)) <= MAX_INT64:
        return value
    return text


def _finite(digits: str, text: str) -> float | str:
    value = float(digits)
    return text if value in (float("inf"), float("-inf")) else value


def _binary(text: str) -> str:
    try:
        data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ScalarError(f"the value tagged !!binary is not base64 ({error})") from None
    return _ESCAPED_BYTE.sub("\ufffd", data.decode("utf-8", "surrogateescape"))


def _shortest_float32(value: float) -> str:
    """The fewest digits that mean the same 32-bit float, in the form of C's %g with Go's bounds for exponents."""
    if value != value:
        return ".nan"
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return ".inf" if value > 0 else "-.inf"
    if single in (float("inf"), float("-inf")):
        return ".inf" if single > 0 else "-.inf"
    for precision in range(9):
        shortest = f"{single:.{precision}e}"
        if struct.unpack("f", struct.pack("f", float(shortest)))[0] == single:
            break
    mantissa, _, exponent = shortest.partition("e")
    if -4 <= int(exponent) < 6:
        return format(Decimal(shortest), "f")
    return f"{mantissa}e{exponent}"
