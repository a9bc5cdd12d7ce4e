"""Helm charts of a release as values: the packaged chart, and what is asked of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kotsapp.manifests import documents
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import archives, chart_archive
from kotsapp.release.archives import Pieces
from kotsapp.release.source_file import ChartInstall
from kotsapp.release.upgrade import Past, digest_of

_SDK = frozenset({"replicated", "replicated-sdk"})


@dataclass(frozen=True, slots=True)
class ChartArchive:
    """A packaged chart; ``data`` may be in pieces, as ``archives.unpack`` takes them.

    ``outer_schema`` says that a schema of its values refers to somewhere outside; ``digest`` is of its files, however
    they are packed; ``looks_up`` says that its templates may ask the cluster. ``install`` says how it is installed,
    None for one that HelmChart documents ask for.
    """

    name: str
    version: str
    origin: str
    data: Pieces = field(repr=False)
    outer_schema: bool = False
    digest: str = ""
    looks_up: bool = False
    sdk_at: str | None = None
    install: ChartInstall | None = None


class UpgradeFlags(NamedTuple):
    """What ``helmUpgradeFlags`` come to; ``unheeded`` have no meaning here."""

    no_hooks: bool = False
    skip_crds: bool = False
    unheeded: tuple[str, ...] = ()


_NO_FLAGS = UpgradeFlags()


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """A chart to render: ``values`` are merged from all that apply. ``namespace`` is empty for the app's own.

    ``secrets`` may be among the values, and may be in no message about them. ``past`` is the chart as it was before,
    None when this is its install. Charts of less ``weight`` come first.
    """

    archive: ChartArchive
    release_name: str
    namespace: str
    values: Mapping[str, Any] = field(repr=False)
    place: Place
    secrets: tuple[str, ...] = field(default=(), repr=False)
    past: Past | None = field(default=None, repr=False)
    weight: int = 0
    flags: UpgradeFlags = _NO_FLAGS

    def __str__(self) -> str:
        return f"chart {self.archive.name} {self.archive.version} (release {self.release_name})"

    @property
    def source(self) -> str:
        """The file that its objects are said to be of."""
        return f"{self.archive.name}-{self.release_name}.yaml"

    @property
    def key(self) -> str:
        """What distinguishes it from the release's other charts, from rendering to rendering: no part of it has a
        slash."""
        return f"{self.namespace}/{self.release_name}/{self.archive.name}"

    @property
    def looks_up(self) -> bool:
        """Whether its templates, or values that are templates, may ask the cluster."""
        return self.archive.looks_up or "lookup" in json.dumps(self.values)

    @property
    def digest(self) -> str:
        """Of what it is rendered from: another one is another version of the chart, or other values."""
        return digest_of(self.archive.digest, (self.namespace, self.release_name), self.values)


class HelmRelease(NamedTuple):
    """What Helm knows a release by; ``namespace`` is empty for the app's own."""

    namespace: str
    name: str


def read_archive(
    files: tuple[archives.ArchiveFile, ...], data: Pieces, origin: str, budget: Budget | None = None
) -> ChartArchive | None:
    """The chart, None if the archive is none. Raises ManifestError for a Chart.yaml without name and version."""
    chart_file = archives.chart_file(files)
    if chart_file is None:
        return None
    place = Place(f"{origin}, {chart_file.path}")
    chart = documents.read_mapping(chart_file.data, place.origin, budget)
    chart_name, version = chart.get("name"), chart.get("version")
    if not (isinstance(chart_name, str) and isinstance(version, str) and chart_name and version):
        raise ManifestError(place, "has no name and version as text: give the chart both")
    every = list(chart_archive.with_subcharts(files, origin, budget))
    return ChartArchive(
        chart_name,
        version,
        origin,
        data,
        chart_archive.refers_outside(every),
        chart_archive.content_digest(every),
        chart_archive.looks_up(every),
        _sdk_at(chart_name, chart.get("dependencies")),
    )


def _sdk_at(chart_name: str, dependencies: Any) -> str | None:
    """Under which name of its values a chart has the vendor's SDK: empty where it is the SDK, None without one."""
    if chart_name in _SDK:
        return ""
    for one in dependencies if isinstance(dependencies, list) else ():
        if isinstance(one, dict) and one.get("name") in _SDK:
            alias = one.get("alias")
            return alias if isinstance(alias, str) and alias else str(one["name"])
    return None
