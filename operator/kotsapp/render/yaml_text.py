"""Kubernetes objects as YAML text, in the form that kubectl prints, and fast.

The emitter knows just what JSON knows. Text is written plain only where no version of YAML reads it as anything
else (YAML 1.1 takes ``y``, ``22:22``, ``1e3`` and ``2001-01-01`` for other types), so that every reader gets the same
value back.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from kotsapp.regexes import regex

# A letter first, so never a number, a date or an indicator; no blank after a colon, before a '#' or at the end.
_PLAIN = regex(r"[A-Za-z_/](?:[A-Za-z0-9_./@+=,()$%*&!?~^-]++|:(?![ ])|[ ](?![ :#]))*+(?<![ :])")
_OTHER_TYPES = frozenset({"y", "yes", "n", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"})

# YAML's line breaks beyond \n, the byte order mark, controls and what is no character: written as escapes.
_ESCAPED = regex("[\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_IN_BLOCK = regex("[\x00-\x08\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

# YAML readers stop looking for the ':' of a simple key after 1024 characters; beyond this one, keys are explicit.
_LONGEST_SIMPLE_KEY = 256
# Scalars repeat much in manifests (field names, labels, image names). Past this many distinct ones the cache starts
# anew, and longer text is not kept, so that memory stays small.
_CACHED_SCALARS = 20_000
_LONGEST_CACHED = 128


class UnwritableError(ValueError):
    """A value that JSON, and so Kubernetes, does not know: not a number, infinity, or another type of Python's."""


def dump_all(objects: Iterable[Any]) -> str:
    """The objects as YAML documents, ``---`` between them. Raises UnwritableError."""
    return "---\n".join(dump(obj) for obj in objects)


def dump(obj: Any) -> str:
    """One object as a YAML document that ends with a line break. Raises UnwritableError."""
    lines: list[str] = []
    if isinstance(obj, dict) and obj:
        _mapping(obj, "", "", lines)
    elif isinstance(obj, list) and obj:
        _sequence(obj, "", "", lines)
    else:
        lines.append(_scalar(obj, ""))
    lines.append("")
    return "\n".join(lines)


def _mapping(value: dict[Any, Any], first: str, indent: str, lines: list[str]) -> None:
    """``first`` stands before the first field, ``indent`` before the others."""
    deeper = indent + "  "
    lead = first
    for key, child in value.items():
        name = _cache.get(key) if key.__class__ is str else None
        if name is None:
            name = _text(key) if isinstance(key, str) else _text(_scalar(key, ""))
        listed = indent
        if len(name) > _LONGEST_SIMPLE_KEY:
            lines.append(f"{lead}? {name}")
            lead, name, listed = indent, "", deeper
        kind = child.__class__
        if kind is str:
            text = _cache.get(child)
            if text is None:
                text = _block(child, deeper) if "\n" in child else _text(child)
            lines.append(f"{lead}{name}: {text}")
        elif kind is dict:
            if child:
                lines.append(f"{lead}{name}:")
                _mapping(child, deeper, deeper, lines)
            else:
                lines.append(f"{lead}{name}: {{}}")
        elif kind is list:
            if child:
                lines.append(f"{lead}{name}:")
                _sequence(child, listed, listed, lines)
            else:
                lines.append(f"{lead}{name}: []")
        else:
            lines.append(f"{lead}{name}: {_scalar(child, deeper)}")
        lead = indent


def _sequence(value: list[Any], first: str, indent: str, lines: list[str]) -> None:
    deeper = indent + "  "
    lead = first
    for child in value:
        kind = child.__class__
        if kind is dict and child:
            _mapping(child, f"{lead}- ", deeper, lines)
        elif kind is list and child:
            _sequence(child, f"{lead}- ", deeper, lines)
        else:
            lines.append(f"{lead}- {_scalar(child, deeper)}")
        lead = indent


def _scalar(value: Any, indent: str) -> str:
    if isinstance(value, str):
        return _block(value, indent) if indent and "\n" in value else _text(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict) and not value:
        return "{}"
    if isinstance(value, list) and not value:
        return "[]"
    raise UnwritableError(f"{type(value).__name__} is not a JSON value")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise UnwritableError(f"{value} is not a JSON number")
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    # YAML 1.1 wants a point before an exponent.
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


_cache: dict[str, str] = {}


def _text(text: str) -> str:
    known = _cache.get(text)
    if known is not None:
        return known
    written = text if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_TYPES else _quoted(text)
    if len(text) <= _LONGEST_CACHED:
        if len(_cache) >= _CACHED_SCALARS:
            _cache.clear()
        _cache[text] = written
    return written


def _quoted(text: str) -> str:
    """Double-quoted. JSON's escapes are YAML's too, but for characters beyond the first plane."""
    return _ESCAPED.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _block(text: str, indent: str) -> str:
    """Text of several lines as a literal block, where a reader is sure to get the same text back."""
    body = text.rstrip("\n")
    if not body or text[0] in " \t\n" or _IN_BLOCK.search(text):
        return _quoted(text)
    breaks = len(text) - len(body)
    header = "|-" if breaks == 0 else "|" if breaks == 1 else "|+"
    lines = "\n".join(f"{indent}{line}" if line else "" for line in body.split("\n"))
    return f"{header}\n{lines}" + "\n" * max(breaks - 1, 0)
