"""JSON objects one behind the other, as kubectl reads a source that starts with ``{``."""

import json
import re
from typing import Any

from kotsapp.manifests.budget import NODES, Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.limits import MAX_DEPTH, MAX_DOCUMENTS
from kotsapp.manifests.scalars import ScalarError, json_integer, json_number
from kotsapp.manifests.stream import Chunk
from kotsapp.regexes import regex

# A string without an end goes on to the text's, so that no quote in it is looked at as another start.
_STRING = regex(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SIGN = regex(rf"{_STRING.pattern}|[\[{{\]}}]", re.DOTALL)
_BRACKET = regex(r"[\[{\]}]")
# Each of them comes with one more value, or key.
_SIGNS = "[{,:"
_SPACE = regex(r"\s*")
_REST_OF_LINE = regex(r"[^\S\n]*\n?")
_SURROGATE = regex("[\ud800-\udfff]")
# 2**64 has 20 digits; whatever is longer is a float, and Python refuses to read integers of thousands of digits.
_LONGEST_INTEGER = 20


def chunks(text: str) -> list[Chunk]:
    """The objects of a stream as they are written, told apart by their braces; one chunk where they don't tell."""
    found: list[Chunk] = []
    depth, start, line, counted = 0, 0, 1, 0
    for match in _SIGN.finditer(text):
        if match[0] in "[{":
            depth += 1
        elif match[0] in "]}":
            depth -= 1
            if depth == 0:
                first = _after_space(text, start)
                line += text.count("\n", counted, first)
                counted, start = first, match.end()
                found.append(Chunk(text[first:start], len(found) + 1, line, is_json=True))
            if depth < 0:
                break
    if depth or not found or text[start:].strip():
        return [Chunk(text, 1, 1)]
    return found


def read(text: str, origin: str, budget: Budget, number: int = 1, line: int = 1) -> tuple[list[tuple[Any, Place]], str]:
    """The values with their places, and the text that has to be read as YAML; it starts as object ``number`` of its
    source, on ``line``.

    Raises ManifestError for JSON that can't be YAML either, having begun as a stream of several objects.
    """
    outside = _STRING.sub("", text)
    if _too_deep(outside):
        raise ManifestError(Place(origin), f"is nested more than {MAX_DEPTH} deep: no Kubernetes object is")
    # Before anything is built; what turns out to be YAML is counted there once more.
    budget.take(NODES, sum(map(outside.count, _SIGNS)), Place(origin))
    values: list[tuple[Any, Place]] = []
    counted, end = 0, 0
    position = _after_space(text, 0)
    while position < len(text):
        line += text.count("\n", counted, position)
        counted = position
        place = Place(origin, number + len(values), line)
        try:
            value, end = _decoder.raw_decode(text, position)
        except ScalarError as error:
            raise ManifestError(place, str(error)) from None
        except (json.JSONDecodeError, RecursionError) as error:
            if len(values) <= 1:
                return values, text[_rest_of_line(text, end) :] if values else text
            problem = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
            raise ManifestError(place, f"is not JSON: {problem}") from None
        values.append((_without_surrogates(value), place))
        if len(values) > MAX_DOCUMENTS:
            raise ManifestError(Place(origin), f"has more than {MAX_DOCUMENTS} documents: split it")
        position = _after_space(text, end)
    return values, ""


def _too_deep(outside: str) -> bool:
    """Whether brackets are nested too deep in a text without its strings."""
    depth = 0
    for match in _BRACKET.finditer(outside):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif depth:
            depth -= 1
    return False


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _rest_of_line(text: str, position: int) -> int:
    match = _REST_OF_LINE.match(text, position)
    return match.end() if match else position


def _without_surrogates(value: Any) -> Any:
    """Half a surrogate pair is no character; Go's decoder puts the replacement character in its place."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _integer(digits: str) -> int | float:
    return json_integer(int(digits)) if len(digits) <= _LONGEST_INTEGER + 1 else _float(digits)


def _float(digits: str) -> int | float:
    return json_number(float(digits))


def _no_constant(word: str) -> Any:
    raise json.JSONDecodeError(f"{word} is no JSON", word, 0)


_decoder = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_no_constant)
