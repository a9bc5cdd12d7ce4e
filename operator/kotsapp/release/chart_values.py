"""The values that charts come with: those that ``HelmValue`` calls of a HelmChart document ask for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kotsapp.manifests import documents
from kotsapp.release import archives
from kotsapp.release.charts import ChartArchive
from kotsapp.release.raw import RawDocument
from kotsapp.release.roles import Role


def chart_of(raw: RawDocument, chart_archives: Sequence[ChartArchive]) -> str:
    """The key of the archive that the document's ``HelmValue`` calls ask, known by its name as it is written; empty if
    it has no such call."""
    if raw.role is not Role.CHART or "HelmValue" not in raw.chunk.text:
        return ""
    return next((_key(one) for one in chart_archives if one.name in raw.chunk.text), "")


def read(keys: Iterable[str], chart_archives: Sequence[ChartArchive]) -> dict[str, Mapping[str, Any]]:
    """What values.yaml says in the archives of these keys, by key. Raises ManifestError."""
    asked = frozenset(keys)
    found: dict[str, Mapping[str, Any]] = {}
    for archive in chart_archives:
        if _key(archive) in asked:
            files = archives.unpack(archive.data, archive.origin)
            values = next(
                (file for file in files if file.path.count("/") == 1 and file.path.endswith("/values.yaml")), None
            )
            if values is not None:
                found[_key(archive)] = documents.read_mapping(values.data, f"{archive.origin}, {values.path}")
    return found


def _key(archive: ChartArchive) -> str:
    return f"{archive.name} {archive.version}"
