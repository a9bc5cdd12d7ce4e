"""``kots.io`` HelmChart documents: which chart, under which name, with which values."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.regexes import regex
from kotsapp.release.annotations import Object, boolean, name
from kotsapp.release.chart_install import merge
from kotsapp.release.charts import ChartArchive, ChartRequest, HelmRelease, UpgradeFlags

_NO_HOOKS, _SKIP_CRDS = "--no-hooks", "--skip-crds"
# As many digits as a person writes.
_WEIGHT = regex(r"[+-]?[0-9]{1,9}")


def is_v2(obj: Object) -> bool:
    return obj.get("apiVersion") == "kots.io/v1beta2"


def excluded(obj: Object, place: Place) -> bool:
    """``spec.exclude``, as a boolean or as text. Raises ManifestError."""
    value = _spec(obj, place).get("exclude")
    return value not in (None, "") and boolean(value, f"spec.exclude of {name(obj)}", place)


def named(obj: Object, place: Place) -> tuple[str, str]:
    """Name and version of the chart that a HelmChart names, empty where it says nothing. Raises ManifestError."""
    chart = _mapping(_spec(obj, place), "chart", obj, place)
    return _text(chart, "name", "spec.chart", obj, place), _text(chart, "chartVersion", "spec.chart", obj, place)


def request(obj: Object, place: Place, found: Sequence[ChartArchive]) -> ChartRequest:
    """What a HelmChart asks for, with its archive. Raises ManifestError: no such archive, a wrong type."""
    spec = _spec(obj, place)
    chart_name, version = named(obj, place)
    if not chart_name or not version:
        raise ManifestError(place, f"{name(obj)} has no spec.chart.name and spec.chart.chartVersion: name its chart")
    archive = next((a for a in found if (a.name, a.version) == (chart_name, version)), None)
    if archive is None:
        there = ", ".join(f"{a.name} {a.version}" for a in found) or "none"
        problem = f"{name(obj)} wants chart {quote(chart_name)} {quote(version)}; charts in the release: {there}"
        raise ManifestError(place, f"{problem}. Put its .tgz beside it, or fix the name or version")
    namespace = _text(spec, "namespace", "spec", obj, place)
    return ChartRequest(
        archive,
        release_of(obj, place).name,
        namespace,
        merged_values(obj, place),
        place,
        weight=_weight(spec, obj, place),
        flags=_flags(spec, obj, place),
    )


def release_of(obj: Object, place: Place) -> HelmRelease:
    """Which release of Helm's a HelmChart asks for (DESIGN 6.4). Raises ManifestError.

    Without a name of its own it is called as the chart; of a v1beta1 one, as the HelmChart itself.
    """
    spec = _spec(obj, place)
    chart = _mapping(spec, "chart", obj, place)
    namespace = _text(spec, "namespace", "spec", obj, place)
    if is_v2(obj):
        given, default = _text(spec, "releaseName", "spec", obj, place), _text(chart, "name", "spec.chart", obj, place)
    else:
        metadata = obj.get("metadata")  # no other document that isn't applied needs a name, or has it checked
        default = str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""
        given = _text(chart, "releaseName", "spec.chart", obj, place)
    return HelmRelease(namespace, given or default)


def merged_values(obj: Object, place: Place) -> dict[str, Any]:
    """``values``, with each of ``optionalValues`` whose ``when`` holds. Raises ManifestError.

    An item's fields replace those of the same name, whole; with ``recursiveMerge`` mappings are merged at every depth.
    """
    spec = _spec(obj, place)
    values = copy.deepcopy(_mapping(spec, "values", obj, place))
    optional = spec.get("optionalValues")
    if optional is not None and not isinstance(optional, list):
        raise ManifestError(place, f"spec.optionalValues of {name(obj)} is not a list")
    for index, item in enumerate(optional or ()):
        at = f"spec.optionalValues[{index}]"
        if not isinstance(item, dict):
            raise ManifestError(place, f"{at} of {name(obj)} is not a mapping")
        if not boolean(item.get("when"), f"{at}.when of {name(obj)}", place):
            continue
        more = copy.deepcopy(_mapping(item, "values", obj, place, at))
        recursive = item.get("recursiveMerge")
        if recursive is not None and boolean(recursive, f"{at}.recursiveMerge of {name(obj)}", place):
            merge(values, more)
        else:
            values |= more
    return values


def _weight(spec: Mapping[str, Any], obj: Object, place: Place) -> int:
    value = spec.get("weight")
    if value is None or value == "":
        return 0
    text = str(value).strip()
    if isinstance(value, bool) or not _WEIGHT.fullmatch(text):
        raise ManifestError(place, f"spec.weight of {name(obj)} is {quote(text)}: write a whole number")
    return int(text)


def _flags(spec: Mapping[str, Any], obj: Object, place: Place) -> UpgradeFlags:
    flags = spec.get("helmUpgradeFlags")
    if flags is None:
        return UpgradeFlags()
    if not (isinstance(flags, list) and all(isinstance(flag, str) for flag in flags)):
        raise ManifestError(place, f"spec.helmUpgradeFlags of {name(obj)} is not a list of strings")
    given = [flag.strip() for flag in flags]
    unheeded = [flag for flag in given if flag and not flag.startswith((_NO_HOOKS, _SKIP_CRDS))]
    return UpgradeFlags(_is_set(given, _NO_HOOKS), _is_set(given, _SKIP_CRDS), tuple(_names_of(unheeded)))


def _is_set(flags: Sequence[str], flag: str) -> bool:
    """As Helm reads its flags: the last one counts."""
    return next((one in (flag, f"{flag}=true") for one in reversed(flags) if one.startswith(flag)), False)


def _names_of(flags: Sequence[str]) -> list[str]:
    """Their names alone: what is behind them may be a password (``--set``)."""
    names_ = [flag.split("=")[0].split()[0] for flag in flags if flag.startswith("-")]
    return list(dict.fromkeys(names_))


def _spec(obj: Object, place: Place) -> Mapping[str, Any]:
    return _mapping(obj, "spec", obj, place, "")


def _mapping(parent: Mapping[str, Any], field: str, obj: Object, place: Place, at: str = "spec") -> dict[str, Any]:
    value = parent.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ManifestError(place, f"{at}{'.' if at else ''}{field} of {name(obj)} is not a mapping")
    return value


def _text(parent: Mapping[str, Any], field: str, at: str, obj: Object, place: Place) -> str:
    value = parent.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestError(place, f"{at}.{field} of {name(obj)} is not a string: quote it")
    return value
