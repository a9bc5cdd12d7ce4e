"""A release's files, archives taken apart: texts to read, and packaged charts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kotsapp.manifests import stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import archives, charts, parts
from kotsapp.release.budget import PACKED
from kotsapp.release.charts import ChartArchive
from kotsapp.release.parts import WholeFile
from kotsapp.release.source_file import SourceFile

__all__ = ["SourceFile", "TextFile", "expand"]

_YAML_ENDINGS = (".yaml", ".yml", ".json")
_UNPACKED_CHART = "/Chart.yaml"


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file with documents; ``name`` is its path in its archive."""

    origin: str
    name: str
    text: str = field(repr=False)


def expand(files: Sequence[SourceFile], budget: Budget) -> tuple[list[TextFile], list[ChartArchive]]:
    """The texts of all files, those in release archives included, and the chart archives. Raises ManifestError."""
    texts: list[TextFile] = []
    chart_archives: list[ChartArchive] = []
    for file in files:
        budget.take(PACKED, len(file.data), Place(file.origin))
    for whole in parts.joined(files):
        more, charts_ = expand_one(whole, budget)
        texts += more
        chart_archives += charts_
    return texts, chart_archives


def expand_one(whole: WholeFile, budget: Budget) -> tuple[list[TextFile], list[ChartArchive]]:
    """As ``expand``, of one file whose parts are joined."""
    texts: list[TextFile] = []
    chart_archives: list[ChartArchive] = []
    if not archives.is_archive(whole.name, whole.pieces[0]):
        _refuse_chart_of(whole)
        return [TextFile(whole.origin, whole.name, stream.decode(whole.data, whole.origin))], []
    members = archives.unpack(whole.pieces, whole.origin, budget)
    chart = charts.read_archive(members, whole.pieces, whole.origin, budget)
    if chart is not None:
        return [], [replace(chart, install=whole.chart)]
    _refuse_chart_of(whole)
    for member in members:
        origin = f"{whole.origin}, {member.path}"
        if archives.is_archive(member.path, member.data):
            chart_archives.append(_inner_chart(member, origin, budget))
        elif member.path.lower().endswith(_YAML_ENDINGS):
            if f"/{member.path}".endswith(_UNPACKED_CHART):
                raise ManifestError(
                    Place(origin), "is an unpacked chart, and KOTS reads packed ones: put its .tgz in its place"
                )
            texts.append(TextFile(origin, member.path, stream.decode(member.data, origin)))
    return texts, chart_archives


def _refuse_chart_of(whole: WholeFile) -> None:
    if whole.chart is not None and whole.chart.where:
        problem = f"is not a packaged Helm chart, which {whole.chart.where} says how to install"
        raise ManifestError(Place(whole.origin), f"{problem}: leave that out, or name the chart alone (key)")


def content_digest(texts: Sequence[TextFile], chart_archives: Sequence[ChartArchive]) -> str:
    """A digest of what a release is read from: archives that were packed anew, and sources of other names, which hold
    the same, are the same release (DESIGN 6.5)."""
    digest = hashlib.sha256()
    read = [("text", text.name, text.text) for text in texts]
    read += [("chart", chart.name, chart.digest) for chart in chart_archives]
    read += [("install", chart.name, chart.install.digest) for chart in chart_archives if chart.install is not None]
    for part in (part.encode("utf-8", "surrogatepass") for one in read for part in one):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _inner_chart(member: archives.ArchiveFile, origin: str, budget: Budget) -> ChartArchive:
    chart = charts.read_archive(archives.unpack(member.data, origin, budget), member.data, origin, budget)
    if chart is None:
        problem = "is an archive in an archive, and no Helm chart: give it a source of its own in spec.manifests"
        raise ManifestError(Place(origin), problem)
    return chart
