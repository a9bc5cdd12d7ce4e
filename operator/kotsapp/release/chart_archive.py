"""A packaged chart as helm is handed it: made anew from the members that were checked.

Helm reads archives with Go's tar reader, which takes other members and names out of some archives than Python's; and
it fetches what a schema of the values refers to. So helm gets plain archives alone, and is made to leave out schemas
that refer to somewhere outside.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.regexes import regex
from kotsapp.release.archives import MAX_NESTED_ARCHIVES, ArchiveFile, unpack

_SCHEMA_FILE = "values.schema.json"
# Helm's function.
_LOOKUP = regex(rb"\blookup\b")
_NO_TEMPLATES = (".md", f"/{_SCHEMA_FILE}")
# Helm's rule for what is a packed subchart; every other archive is a file like any.
_SUBCHART = regex(r"[^/]+/(?:charts/[^/]+/)*+charts/[^/._][^/]*\.tgz")
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_IDENTITIES = frozenset({"$id", "id"})
# Those that helm has built in. Another address would be fetched.
_KNOWN_SCHEMAS = frozenset(
    f"{scheme}://json-schema.org/{draft}{end}"
    for scheme in ("http", "https")
    for draft in (
        "draft-04/schema",
        "draft-06/schema",
        "draft-07/schema",
        "draft/2019-09/schema",
        "draft/2020-12/schema",
    )
    for end in ("", "#")
)
# Compressed in a hundredth of a second for each MiB; helm reads nothing that isn't gzip.
_FAST = 1


def made_anew(files: tuple[ArchiveFile, ...], origin: str, depth: int = 0) -> bytes:
    """An archive of the files, with subcharts made anew as well. Raises ManifestError as ``unpack`` does.

    ``origin`` is how messages name the chart's own archive.
    """
    target = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=_FAST, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive,
    ):
        for file in files:
            data = _subchart_anew(file, origin, depth) if _SUBCHART.fullmatch(file.path) else file.data
            info = tarfile.TarInfo(file.path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def with_subcharts(
    files: Iterable[ArchiveFile], origin: str, budget: Budget | None = None, depth: int = 0
) -> Iterator[ArchiveFile]:
    """The files of a chart and of its packed subcharts, in the place of their archives. Raises as ``made_anew``."""
    for file in files:
        if _SUBCHART.fullmatch(file.path):
            inner = f"{origin}, {file.path}"
            yield from with_subcharts(_subchart(file, inner, budget, depth), inner, budget, depth + 1)
        else:
            yield file


def refers_outside(files: Iterable[ArchiveFile]) -> bool:
    """Whether one of the schemas of values among the files refers to somewhere outside itself.

    One that Python can't read counts as one that does: helm might read it.
    """
    return any(_schema_refers_outside(file.data) for file in files if PurePosixPath(file.path).name == _SCHEMA_FILE)


def looks_up(files: Iterable[ArchiveFile]) -> bool:
    """Whether a template may ask the cluster: it may be of any file. Where the word is none, nobody asks."""
    return any(_LOOKUP.search(file.data) for file in files if not file.path.lower().endswith(_NO_TEMPLATES))


def content_digest(files: Iterable[ArchiveFile]) -> str:
    """A digest of a chart's files: packed anew, byte by byte another archive, it is the same chart."""
    digest = hashlib.sha256()
    for path, data in sorted((file.path.encode("utf-8", "surrogateescape"), file.data) for file in files):
        for part in (path, data):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _subchart_anew(file: ArchiveFile, origin: str, depth: int) -> bytes:
    inner = f"{origin}, {file.path}"
    # What it may take was counted when it was read.
    return made_anew(_subchart(file, inner, None, depth), inner, depth + 1)


def _subchart(file: ArchiveFile, origin: str, budget: Budget | None, depth: int) -> tuple[ArchiveFile, ...]:
    if depth >= MAX_NESTED_ARCHIVES:
        problem = f"is an archive in more than {MAX_NESTED_ARCHIVES} others: unpack the inner charts into folders"
        raise ManifestError(Place(origin), problem)
    return unpack(file.data, origin, budget)


def _schema_refers_outside(data: bytes) -> bool:
    try:
        return any(_is_outer(key, value, depth) for key, value, depth in _fields(_pairs(data)))
    except (ValueError, RecursionError):
        return True


class _Fields(list[tuple[str, Any]]):
    """A JSON object's fields, those given twice included."""


def _pairs(data: bytes) -> Any:
    return json.loads(data.decode(), object_pairs_hook=_Fields)


def _fields(value: Any) -> Iterator[tuple[str, Any, int]]:
    """Every field of every object at any depth, and how deep it is."""
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        if isinstance(found, _Fields):
            for key, child in found:
                yield key, child, depth
                waiting.append((child, depth + 1))
        elif isinstance(found, list):
            waiting.extend((child, depth + 1) for child in found)


def _is_outer(key: str, value: Any, depth: int) -> bool:
    if key in _REFERENCES and not isinstance(value, _Fields):
        return not (isinstance(value, str) and value.startswith("#"))
    if key == "$schema" and not isinstance(value, _Fields):
        return not (isinstance(value, str) and value in _KNOWN_SCHEMAS)
    # The whole schema may have a name of its own; a part with one would change what "#" means.
    return key in _IDENTITIES and depth > 0 and isinstance(value, str) and not value.startswith("#")
