"""Charts that are installed without a HelmChart document: fetched ones, and those of which the spec says how."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kotsapp.manifests import documents
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.release.budget import PACKED
from kotsapp.release.charts import ChartArchive, ChartRequest, HelmRelease
from kotsapp.release.source_file import ChartInstall


def requests(
    archives: Sequence[ChartArchive],
    named: Collection[tuple[str, str]],
    taken: Mapping[HelmRelease, str],
    budget: Budget | None,
) -> list[ChartRequest]:
    """What is asked for, in the order of the sources.

    ``named`` are names and versions of charts that HelmChart documents name: such a chart is left to them unless the
    spec says how it is installed. ``taken`` are releases with who asks for them. Raises ManifestError for two of one
    release, and for values that can't be read.
    """
    found: list[ChartRequest] = []
    takers = dict(taken)
    for archive in archives:
        install = archive.install
        if install is None or (not install.where and (archive.name, archive.version) in named):
            continue
        release = HelmRelease(install.namespace, install.release_name or archive.name)
        place = Place(archive.origin)
        if release in takers:
            problem = f"would be the Helm release {release.name}, which {takers[release]} is already"
            raise ManifestError(place, f"{problem}: give one of them another name (chart.releaseName)")
        takers[release] = archive.origin
        found.append(ChartRequest(archive, release.name, release.namespace, _values(install, budget), place))
    return found


def _values(install: ChartInstall, budget: Budget | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for file in install.values_files:
        if budget is not None:
            budget.take(PACKED, len(file.data), Place(file.origin))
        merge(values, documents.read_mapping(file.data, file.origin, budget))
    merge(values, copy.deepcopy(dict(install.values)))
    return values


def merge(values: dict[str, Any], more: Mapping[str, Any], depth: int = 0) -> None:
    """Merge as Helm merges its values: mappings at every depth, whatever else is replaced. ``values`` is the caller's
    own copy, of which ``more`` becomes a part."""
    for key, value in more.items():
        old = values.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and depth < MAX_DEPTH:
            merge(old, value, depth + 1)
        else:
            values[key] = value
