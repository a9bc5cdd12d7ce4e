"""A source's text, read into Kubernetes objects that mean what kubectl says they mean."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kotsapp.manifests import json_stream, shapes, stream, yaml_document
from kotsapp.manifests.budget import OBJECTS, TEXT, Budget
from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.manifests.stream import Chunk
from kotsapp.manifests.yaml_document import Seen
from kotsapp.regexes import regex

Object = dict[str, Any]


_CONTROL = regex("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Document(NamedTuple):
    """One object and where it starts."""

    value: Object
    place: Place


def load(data: bytes | str, origin: str) -> list[Object]:
    """The objects of a YAML or JSON source, lists taken apart; ``origin`` is how errors name the source.

    Raises ManifestError.
    """
    return [document.value for document in read(data, origin)]


def read(data: bytes | str, origin: str, budget: Budget | None = None) -> list[Document]:
    """As ``load``, with the place of every object; ``budget`` is the app's, else one for this source alone.

    Raises ManifestError.
    """
    budget = Budget() if budget is None else budget
    text = stream.decode(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"), origin)
    return read_chunk(Chunk(text, 1, 1), origin, budget)


def chunks(text: str, origin: str) -> list[Chunk]:
    """The documents of a source as they are written. Raises ManifestError as ``stream.split`` does."""
    return json_stream.chunks(text) if is_json(text) else list(stream.split(text, origin))


def read_chunk(
    chunk: Chunk,
    origin: str,
    budget: Budget,
    seen: Seen | None = None,
    needs_name: Callable[[Object], bool] = lambda _: True,
) -> list[Document]:
    """The objects of a part of a source; ``seen`` is the source's, for all of its parts. Raises ManifestError.

    ``needs_name`` says which objects can't do without a name.
    """
    budget.take(TEXT, len(chunk.text), Place(origin, chunk.number))
    found: list[Document] = []
    for value, place in _values(chunk, origin, budget, Seen() if seen is None else seen):
        for document in _objects(value, place, 0, needs_name):
            budget.take(OBJECTS, 1, document.place)
            found.append(document)
    return found


def read_mapping(data: bytes, origin: str, budget: Budget | None = None) -> dict[str, Any]:
    """The first document's fields, for files that are no Kubernetes object; none for an empty file, such as one of
    comments. Raises ManifestError."""
    budget = Budget() if budget is None else budget
    budget.take(TEXT, len(data), Place(origin))
    for value, place in _values(Chunk(stream.decode(data, origin), 1, 1), origin, budget, Seen()):
        if isinstance(value, dict):
            return value
        if value is not None:
            raise ManifestError(place, f"is {_described(value)}, not a mapping")
    return {}


def is_json(text: str) -> bool:
    """Whether a source is a stream of JSON objects, as kubectl finds out: by its first character."""
    start = text.lstrip()[:2]
    return start.startswith("{") and start != "{{"


def _values(chunk: Chunk, origin: str, budget: Budget, seen: Seen) -> Iterator[tuple[Any, Place]]:
    text, number, line = chunk.text, chunk.number, chunk.line
    if chunk.is_json or (number == 1 and is_json(text)):
        values, rest = json_stream.read(text, origin, budget, number, line)
        yield from values
        if not rest:
            return
        number += len(values)
        line += text.count("\n", 0, len(text) - len(rest))
        text = rest
    for part in stream.split(text, origin, number, line):
        place = Place(origin, part.number, part.line)
        yield yaml_document.read(part.text, place, seen, budget)


def _objects(value: Any, place: Place, depth: int, needs_name: Callable[[Object], bool]) -> Iterator[Document]:
    if value is None:
        return
    if not isinstance(value, dict):
        raise ManifestError(place, f"{_described(value)} is not a Kubernetes object: an object has apiVersion and kind")
    kind = _required(value, "kind", place)
    api_version = _required(value, "apiVersion", place)
    items = value.get("items")
    if not (kind.endswith("List") and "items" in value):
        _check_name(value, kind, place, required=needs_name(value))
        _check_shape(value, api_version, kind, place)
        yield Document(value, place)
        return
    if items is not None and not isinstance(items, list):
        raise ManifestError(place, f"items of the {kind} is {_described(items)}: write a list of objects")
    if depth >= MAX_DEPTH:
        raise ManifestError(place, f"lists are nested more than {MAX_DEPTH} deep: take them apart")
    for index, item in enumerate(items or []):
        item_place = Place(f"{place}, items[{index}]")
        if isinstance(item, dict) and kind != "List" and "kind" not in item and "apiVersion" not in item:
            item = {"apiVersion": api_version, "kind": kind.removesuffix("List"), **item}
        if item is None:
            raise ManifestError(item_place, "is empty: write an object or remove it")
        yield from _objects(item, item_place, depth + 1, needs_name)


def _required(value: Object, field: str, place: Place) -> str:
    found = value.get(field)
    if isinstance(found, str) and found:
        _refuse_control_characters(found, f"{field} of {_summary(value)}", place)
        return found
    problem = f"has no {field}" if found in (None, "") else f"{field} is {_described(found)}, not text"
    raise ManifestError(place, f"{_summary(value)} {problem}: every Kubernetes object has apiVersion and kind")


def _check_name(value: Object, kind: str, place: Place, *, required: bool) -> None:
    metadata = value.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise ManifestError(place, f"metadata of the {kind} is {_described(metadata)}, not a mapping")
    for field in ("name", "generateName", "namespace"):
        found = metadata.get(field)
        if found is not None and not isinstance(found, str):
            problem = f"metadata.{field} of the {kind} is {_described(found)} and not text: quote it"
            raise ManifestError(place, problem)
        _refuse_control_characters(found or "", f"metadata.{field} of the {kind}", place)
    for field in ("labels", "annotations"):
        found = metadata.get(field)
        if found is not None and not isinstance(found, dict):
            raise ManifestError(place, f"metadata.{field} of the {kind} is {_described(found)}, not a mapping")
    if required and not metadata.get("name") and not metadata.get("generateName"):
        raise ManifestError(place, f"the {kind} has no metadata.name: give it one")


def _check_shape(value: Object, api_version: str, kind: str, place: Place) -> None:
    wrong = shapes.wrong_field(value, api_version.rpartition("/")[0], kind)
    if wrong is not None:
        metadata = value.get("metadata")
        name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None
        named = quote(f"{kind}/{name}" if isinstance(name, str) else kind)[1:-1]
        problem = f"{wrong.path} of {named} is {_described(wrong.found)}, not a {wrong.wanted}"
        raise ManifestError(place, f"{problem}: fix it")


def _refuse_control_characters(text: str, what: str, place: Place) -> None:
    """They are in no name, and messages quote these."""
    if _CONTROL.search(text):
        raise ManifestError(place, f"{what} is {quote(text)}, with characters that can't be printed: fix it")


def _summary(value: Object) -> str:
    kind, metadata = value.get("kind"), value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    known = [quote(text) for text in (kind, name) if isinstance(text, str) and text]
    if known:
        return f"the object {' '.join(known)}"
    return (
        f"the object with the fields {', '.join(quote(key) for key in list(value)[:5])}" if value else "the object {}"
    )


def _described(value: Any) -> str:
    """The type alone: the value may come out of a Secret, and the message goes into a status."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool):
        return "a boolean"
    return "null" if value is None else "a number"
