"""A chart that was there before: what it was rendered from then, and which of its hooks run now (DESIGN 6.5).

Helm distinguishes an install from an upgrade by the releases that it keeps; here the stored release does. Values.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kotsapp.images.podspec import group_kind
from kotsapp.names import GROUP
from kotsapp.release.annotations import HOOK, Object, hook_events

INSTALL = frozenset({"pre-install", "post-install"})
UPGRADE = frozenset({"pre-upgrade", "post-upgrade"})
RUN_ONCE = frozenset({("batch", "Job"), ("", "Pod")})
# In what can't be changed of a Job or Pod: it is made anew, and so runs, once for each change of its chart.
RUN_MARK = f"{GROUP}/hook-run"
_MARK_VOLUME = "kotsapp-hook-run"


class ChartRecord(NamedTuple):
    """What is stored of a chart: its ``ChartRequest.key``, a digest of what it was rendered from, and whether that was
    an upgrade of it."""

    key: str
    digest: str
    upgrade: bool = False


class Past(NamedTuple):
    """A chart that was installed before.

    ``digest`` is of what it was rendered from last, empty where that is unknown. ``hooks`` are its hooks as they were
    rendered last, None where they are unknown, since somebody deleted the stored release.
    """

    digest: str = ""
    hooks: tuple[Object, ...] | None = None


def digest_of(content: str, release: tuple[str, str], values: Mapping[str, Any]) -> str:
    """A digest of a chart's content, its namespace and name as a release, and the values that it is given."""
    text = json.dumps([content, *release, values], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def runs_now(events: frozenset[str], digest: str, past: Past | None) -> bool:
    """Whether a hook of these events belongs to this rendering: at an install, or an upgrade from ``past``.

    A hook for both is applied at each rendering. Of one for installs alone nothing is known any more when the stored
    release is gone: it is taken as it is rendered now, since what it made would be pruned otherwise.
    """
    if past is None:
        return bool(events & INSTALL)
    if not events & UPGRADE:
        return past.hooks is None
    return bool(events & INSTALL) or digest != past.digest


def for_this_rendering(hook: dict[str, Any], past: Past | None) -> dict[str, Any]:
    """The hook as it is at an install or an upgrade: one for ``post-install`` and ``pre-upgrade`` comes after the
    chart's other objects in the one, when there is what it needs, and before them in the other."""
    events = hook_events(hook)
    now = events & (INSTALL if past is None else UPGRADE)
    if not now or _before(now) == _before(events):
        return hook
    metadata = hook["metadata"]
    return {**hook, "metadata": {**metadata, "annotations": {**metadata["annotations"], HOOK: ",".join(sorted(now))}}}


def _before(events: frozenset[str]) -> bool:
    return any(event.startswith("pre-") for event in events & (INSTALL | UPGRADE))


def kept_hooks(past: Past | None, digest: str, left_out: Iterable[Object]) -> list[Object]:
    """The hooks of before that don't run at this rendering and stay as they are, as Helm leaves them.

    A Job or Pod has done its work: when it is not even among those that were ``left_out`` of this rendering, the chart
    has it no longer, and it goes.
    """
    if past is None or not past.hooks:
        return []
    named = {(group_kind(obj), _name(obj)) for obj in left_out}
    return [
        hook
        for hook in past.hooks
        if not runs_now(hook_events(hook), digest, past)
        and (group_kind(hook) not in RUN_ONCE or (group_kind(hook), _name(hook)) in named)
    ]


def superseded(objects: Sequence[Object], pasts: Iterable[Past | None]) -> frozenset[int]:
    """Which of the objects, by their numbers, are hooks of before whose name another object of the release has now."""
    kept = {id(hook) for past in pasts if past for hook in past.hooks or ()}
    new = {(group_kind(obj), _name(obj), _namespace(obj)) for obj in objects if id(obj) not in kept}
    return frozenset(
        number
        for number, obj in enumerate(objects)
        # One of before has its namespace, one that was just rendered may have none yet.
        if id(obj) in kept and not new.isdisjoint({(group_kind(obj), _name(obj), n) for n in ("", _namespace(obj))})
    )


def marked(obj: dict[str, Any], digest: str) -> dict[str, Any]:
    """A Job or Pod that is a hook for upgrades alone, with the digest of the chart for which it runs."""
    spec = obj.get("spec")
    if group_kind(obj) not in RUN_ONCE or not isinstance(spec, dict):
        return obj
    if obj["kind"] == "Pod":
        volumes = spec.get("volumes")
        volume = {"name": f"{_MARK_VOLUME}-{digest[:16]}", "emptyDir": {}}
        return {**obj, "spec": {**spec, "volumes": [*(volumes if isinstance(volumes, list) else ()), volume]}}
    template = spec.get("template")
    if not isinstance(template, dict):
        return obj
    metadata = template.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    annotations = metadata.get("annotations")
    annotations = {**(annotations if isinstance(annotations, dict) else {}), RUN_MARK: digest}
    template = {**template, "metadata": {**metadata, "annotations": annotations}}
    return {**obj, "spec": {**spec, "template": template}}


def _name(obj: Object) -> str:
    return str(obj["metadata"].get("name"))


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace") or "")
