"""Items of a Config that are given several times: what they repeat in the release's documents (DESIGN 6.2).

Before any call is filled in, as the reference does it: the item of a list that a target names, or the whole document,
is there once for each row, and ``[[repl .item ]]`` or ``repl[[ .item ]]`` in it is the row's name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from kotsapp.manifests import documents
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.stream import Chunk
from kotsapp.regexes import regex
from kotsapp.release.actions import FIRST, UnendedError, find
from kotsapp.release.config_document import Config, Item, Target
from kotsapp.release.files import TextFile

# Each row is a part of a document, or a document.
MAX_ROWS = 200
_MARK = regex(r"(?:\[\[repl|repl\[\[)\s*\.([\w-]+)\s*\]\]")
_STEP = regex(r"([^.\[\]]+)(?:\[([0-9]{1,4})\])?")


def repeated(files: Sequence[TextFile], config: Config, rows: Mapping[str, str], budget: Budget) -> list[TextFile]:
    """The files with everything repeated; ``rows`` are further rows that were given, by the items they are of.

    Raises ManifestError for a target that a document does not have, and for too many rows.
    """
    repeating = [(item, target) for item in config.items if item.repeatable for target in item.targets]
    if not repeating:
        return list(files)
    names = {item.name: _rows(item, rows, config.place) for item, _ in repeating}
    return [_file(file, repeating, names, budget) for file in files]


def _rows(item: Item, rows: Mapping[str, str], place: Place) -> list[str]:
    found = list(dict.fromkeys([*item.rows, *(row for row, of in rows.items() if of == item.name)]))
    if len(found) > MAX_ROWS:
        raise ManifestError(place, f"the Config's item {item.name} is there {len(found)} times, more than {MAX_ROWS}")
    return found


def _file(
    file: TextFile, repeating: Sequence[tuple[Item, Target]], names: Mapping[str, list[str]], budget: Budget
) -> TextFile:
    if not any(target.name in file.text and target.kind in file.text for _, target in repeating):
        return file
    parts: list[str] = []
    changed = False
    for chunk in documents.chunks(file.text, file.origin):
        anew = _document(file, chunk, repeating, names, budget)
        changed = changed or anew is not None
        parts.append(chunk.text if anew is None else f"\n{anew}")
    return replace(file, text="---".join(parts)) if changed else file


def _document(
    file: TextFile,
    chunk: Chunk,
    repeating: Sequence[tuple[Item, Target]],
    names: Mapping[str, list[str]],
    budget: Budget,
) -> str | None:
    """The document with everything repeated, several of them where a target is the whole; None if none is meant."""
    try:
        read = documents.read_chunk(chunk, file.origin, budget)
    except ManifestError:
        return None  # what can't be read before its calls are filled in can't be repeated, in the reference either
    objects = [one.value for one in read]
    meant = [(item, target) for item, target in repeating if names[item.name] and any(map(target.fits, objects))]
    if not meant or len(objects) != 1:
        return None
    place = read[0].place
    for item, target in meant:
        objects = [new for obj in objects for new in _repeat(obj, item.name, target, names[item.name], place)]
    return yaml.safe_dump_all([_typed(obj) for obj in objects], sort_keys=False, allow_unicode=True, width=float("inf"))


def _repeat(
    obj: dict[str, Any], item: str, target: Target, rows: Sequence[str], place: Place
) -> Iterator[dict[str, Any]]:
    if not target.path:
        for row in rows:
            yield _named(obj | {"metadata": {**obj["metadata"], "name": row}}, item, row)
        return
    parent, index = _list_at(obj, target.path, place)
    one = parent[index]
    parent[index : index + 1] = []
    parent.extend(_named(one, item, row) for row in rows)
    yield obj


def _list_at(obj: dict[str, Any], path: str, place: Place) -> tuple[list[Any], int]:
    """The list that a path ends in, and the index there."""
    found: Any = obj
    last: tuple[list[Any], int] | None = None
    for step in path.split("."):
        match = _STEP.fullmatch(step)
        found = found.get(match[1]) if match and isinstance(found, dict) else None
        last = None
        if match and match[2] is not None and isinstance(found, list) and int(match[2]) < len(found):
            last = (found, int(match[2]))
            found = found[int(match[2])]
    if last is None:
        raise ManifestError(place, f"has nothing at {path}, which the Config repeats: a path ends in an item of a list")
    return last


def _named(value: Any, item: str, row: str) -> Any:
    """A copy with each mark of the item in the row's name, in keys, too."""
    if isinstance(value, str):
        return _MARK.sub(lambda match: row if match[1] == item else match[0], value)
    if isinstance(value, list):
        return [_named(one, item, row) for one in value]
    if isinstance(value, dict):
        return {_named(key, item, row): _named(one, item, row) for key, one in value.items()}
    return value


def _typed(value: Any) -> Any:
    """A text that is one call is written so that YAML leaves what it comes to its type, as it stood before."""
    if isinstance(value, str):
        return f"repl{{{{{value.removeprefix(FIRST)}" if _is_one_call(value) else value
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if isinstance(value, dict):
        return {key: _typed(one) for key, one in value.items()}
    return value


def _is_one_call(text: str) -> bool:
    try:
        found = find(text, FIRST)
    except UnendedError:
        return False
    return len(found) == 1 and not found[0].keyword and (found[0].start, found[0].end) == (0, len(text))
