"""Helm charts of a release: which chart, with which values, and what of its output belongs into the cluster."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kotsapp.images.podspec import group_kind
from kotsapp.manifests import documents, stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.manifests.scope import CLUSTER_SCOPED
from kotsapp.release import archives, chart_archive
from kotsapp.release.annotations import Object, boolean, hook_events, hook_weight, included, name
from kotsapp.release.archives import Pieces
from kotsapp.release.kots import is_applied
from kotsapp.release.upgrade import (
    INSTALL,
    RUN_ONCE,
    UPGRADE,
    Past,
    digest_of,
    for_this_rendering,
    kept_hooks,
    marked,
    runs_now,
)

FORCE = "kotsapp.dev/force"
_SDK = frozenset({"replicated", "replicated-sdk"})
_NO_HOOKS, _SKIP_CRDS = "--no-hooks", "--skip-crds"
# As many digits as a person writes.
_WEIGHT = re.compile(r"[+-]?[0-9]{1,9}")
_SOURCE = re.compile(r"\s*# Source: (\S+)")
_CRDS_FILE = re.compile(r"[^/]+(?:/charts/[^/]+)*/crds/")

_BEFORE = frozenset({"pre-install", "pre-upgrade"})
# Run by `helm test`, `helm rollback` and `helm uninstall`, none of which happens here.
_NEVER_RUN = frozenset(
    {"test", "test-success", "test-failure", "pre-delete", "post-delete", "pre-rollback", "post-rollback"}
)


@dataclass(frozen=True, slots=True)
class ChartArchive:
    """A packaged chart; ``data`` may be in pieces, as ``archives.unpack`` takes them.

    ``outer_schema`` says that a schema of its values refers to somewhere outside; ``digest`` is of its files, however
    they are packed; ``looks_up`` says that its templates may ask the cluster.
    """

    name: str
    version: str
    origin: str
    data: Pieces = field(repr=False)
    outer_schema: bool = False
    digest: str = ""
    looks_up: bool = False
    sdk_at: str | None = None


@dataclass(frozen=True, slots=True)
class UpgradeFlags:
    """What ``helmUpgradeFlags`` come to; ``unheeded`` have no meaning here."""

    no_hooks: bool = False
    skip_crds: bool = False
    unheeded: tuple[str, ...] = ()


class Rendered(NamedTuple):
    """A chart's objects in Helm's order, the names of what is left out, and which definitions are of ``crds/``."""

    objects: list[Object]
    left_out: list[str]
    definitions: list[str]


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
    flags: UpgradeFlags = UpgradeFlags()

    def __str__(self) -> str:
        return f"chart {self.archive.name} {self.archive.version} (release {self.release_name})"

    @property
    def source(self) -> str:
        """The file that its objects are said to be of, which tells the charts of a release apart."""
        return f"{self.archive.name}-{self.release_name}.yaml"

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


@dataclass(frozen=True, slots=True)
class Hook:
    """When Helm applies an object: ``before`` the others or after them, by ``weight``, smallest first."""

    before: bool
    weight: int

    @property
    def order(self) -> tuple[int, int]:
        """Sorts hooks and, as (0, 0), everything else into the order in which Helm applies them."""
        return (-1 if self.before else 1, self.weight)


def is_chart(obj: Object) -> bool:
    return group_kind(obj) == ("kots.io", "HelmChart")


def is_v2(obj: Object) -> bool:
    return obj.get("apiVersion") == "kots.io/v1beta2"


def excluded(obj: Object, place: Place) -> bool:
    """``spec.exclude``, as a boolean or as text. Raises ManifestError."""
    value = _spec(obj, place).get("exclude")
    return value not in (None, "") and boolean(value, f"spec.exclude of {name(obj)}", place)


def request(obj: Object, place: Place, found: Sequence[ChartArchive]) -> ChartRequest:
    """What a HelmChart asks for, with its archive. Raises ManifestError: no such archive, a wrong type."""
    spec = _spec(obj, place)
    chart = _mapping(spec, "chart", obj, place)
    chart_name = _text(chart, "name", "spec.chart", obj, place)
    version = _text(chart, "chartVersion", "spec.chart", obj, place)
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
        raise ManifestError(place, f"spec.optionalValues of {name(obj)} is no list")
    for index, item in enumerate(optional or ()):
        at = f"spec.optionalValues[{index}]"
        if not isinstance(item, dict):
            raise ManifestError(place, f"{at} of {name(obj)} is no mapping")
        if not boolean(item.get("when"), f"{at}.when of {name(obj)}", place):
            continue
        more = copy.deepcopy(_mapping(item, "values", obj, place, at))
        recursive = item.get("recursiveMerge")
        if recursive is not None and boolean(recursive, f"{at}.recursiveMerge of {name(obj)}", place):
            _merge(values, more, 0)
        else:
            values |= more
    return values


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


def hook_of(obj: Object) -> Hook | None:
    """The hook that an object is, None for an ordinary one; of test, delete and rollback hooks too."""
    events = hook_events(obj)
    if not events:
        return None
    return Hook(bool(events & _BEFORE), hook_weight(obj))


def rendered(request: ChartRequest, output: bytes | str, budget: Budget | None = None) -> Rendered:
    """The objects of a rendered chart, and what is told of it.

    Left out is what its annotations exclude, hooks for tests, deletion and rollback, and hooks that are not for this
    rendering: those for upgrades alone run when the chart has changed, those for installs alone at its install; what
    they were before stays (``upgrade``). A Job or Pod that is a hook is marked to be made anew when it changes, as Helm
    does, and keeps no time to live, with which it would be run again and again. Raises ManifestError.
    """
    digest = request.digest
    found: list[Object] = []
    left_out: list[str] = []
    not_now: list[Object] = []
    definitions: list[str] = []
    of_crds_folder = _of_crds_folder(output, str(request))
    for document in documents.read(output, str(request), budget):
        obj = document.value
        events = hook_events(obj)
        if is_applied(obj) and not included(obj, document.place):
            left_out.append(name(obj))
        elif events and (events <= _NEVER_RUN or request.flags.no_hooks):
            left_out.append(_hook_name(obj, events))
        elif not events:
            found.append(_settled(obj, request, is_hook=False))
            if document.place.document in of_crds_folder and obj["kind"] == "CustomResourceDefinition":
                definitions.append(str(obj["metadata"].get("name")))
        elif not events & (INSTALL | UPGRADE):
            wrong = ", ".join(sorted(events - _NEVER_RUN))
            fix = 'mend the annotation, or annotate it kots.io/exclude: "true"'
            raise ManifestError(document.place, f"{name(obj)} is a hook that Helm does not know ({wrong}): {fix}")
        elif runs_now(events, digest, request.past):
            hook = for_this_rendering(_settled(obj, request, is_hook=True), request.past)
            found.append(hook if events & INSTALL else marked(hook, digest))
        else:
            left_out.append(_hook_name(obj, events))
            not_now.append(obj)
    return Rendered(sorted([*found, *kept_hooks(request.past, digest, not_now)], key=_order), left_out, definitions)


def _hook_name(obj: Object, events: frozenset[str]) -> str:
    return f"{name(obj)} ({', '.join(sorted(events))})"


def _order(obj: Object) -> tuple[int, int]:
    hook = hook_of(obj)
    return hook.order if hook else (0, 0)


def _settled(obj: dict[str, Any], request: ChartRequest, *, is_hook: bool) -> dict[str, Any]:
    metadata = dict(obj["metadata"])
    if request.namespace and not metadata.get("namespace") and group_kind(obj) not in CLUSTER_SCOPED:
        metadata["namespace"] = request.namespace
    if is_hook and group_kind(obj) in RUN_ONCE:
        metadata["annotations"] = {FORCE: "enabled", **metadata["annotations"]}
        spec = obj.get("spec")
        if isinstance(spec, dict) and "ttlSecondsAfterFinished" in spec:
            obj = {**obj, "spec": {key: value for key, value in spec.items() if key != "ttlSecondsAfterFinished"}}
    return {**obj, "metadata": metadata}


def _merge(values: dict[str, Any], more: Mapping[str, Any], depth: int) -> None:
    """Merge into ``values``, which is the caller's own copy; ``more`` becomes part of it."""
    for key, value in more.items():
        old = values.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and depth < MAX_DEPTH:
            _merge(old, value, depth + 1)
        else:
            values[key] = value


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
        raise ManifestError(place, f"spec.helmUpgradeFlags of {name(obj)} is no list of texts")
    given = [flag.strip() for flag in flags]
    unheeded = [flag for flag in given if flag and not flag.startswith((_NO_HOOKS, _SKIP_CRDS))]
    return UpgradeFlags(_is_set(given, _NO_HOOKS), _is_set(given, _SKIP_CRDS), tuple(_told(unheeded)))


def _is_set(flags: Sequence[str], flag: str) -> bool:
    """As Helm reads its flags: the last one counts."""
    return next((one in (flag, f"{flag}=true") for one in reversed(flags) if one.startswith(flag)), False)


def _told(flags: Sequence[str]) -> list[str]:
    """Their names alone: what is behind them may be a password (``--set``)."""
    names_ = [flag.split("=")[0].split()[0] for flag in flags if flag.startswith("-")]
    return list(dict.fromkeys(names_))


def _of_crds_folder(output: bytes | str, origin: str) -> frozenset[int]:
    """The numbers of the documents that are of a ``crds/`` folder: above each file Helm writes where it is from."""
    text = output if isinstance(output, str) else stream.decode(output, origin)
    if "/crds/" not in text:
        return frozenset()
    found, inside = set(), False
    for chunk in documents.chunks(text, origin):
        source = _SOURCE.match(chunk.text)
        if source is not None:
            inside = _CRDS_FILE.match(source[1]) is not None
        if inside:
            found.add(chunk.number)
    return frozenset(found)


def _spec(obj: Object, place: Place) -> Mapping[str, Any]:
    return _mapping(obj, "spec", obj, place, "")


def _mapping(parent: Mapping[str, Any], field: str, obj: Object, place: Place, at: str = "spec") -> dict[str, Any]:
    value = parent.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ManifestError(place, f"{at}{'.' if at else ''}{field} of {name(obj)} is no mapping")
    return value


def _text(parent: Mapping[str, Any], field: str, at: str, obj: Object, place: Place) -> str:
    value = parent.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestError(place, f"{at}.{field} of {name(obj)} is no text: quote it")
    return value
