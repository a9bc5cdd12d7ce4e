"""A plan's phases, one after the other: each waits for what the one before it brings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kotsapp.apply.absent import live
from kotsapp.apply.applier import Applier
from kotsapp.apply.changes import Changes
from kotsapp.apply.inventory import Entry
from kotsapp.apply.plan import Phase
from kotsapp.apply.reader import LiveReader
from kotsapp.health.assess import WorkloadState
from kotsapp.images.image_path import Step, children
from kotsapp.kube.objects import GroupKind, ObjectKey, key_of

_RUN = (GroupKind("batch", "Job"), GroupKind("", "Pod"))


async def apply_phases(
    changes: Changes, due: set[ObjectKey], applier: Applier, applied: Callable[[Entry], None], reader: LiveReader
) -> Mapping[ObjectKey, str]:
    """Apply what is ``due``, which shrinks, with ``applied`` called for each; returns what has to come to what before
    it goes on."""
    phases = changes.plan.phases
    for phase in phases:
        await applier.apply([obj for obj in phase.objects if key_of(obj) in due], applied)
        due -= {key_of(obj) for obj in phase.objects}
        if phase is phases[-1]:
            break
        reader = reader.anew()
        waiting = {key: "to end" for key in sorted(phase.awaited - changes.ended) if not await _has_run(key, reader)}
        # Whoever has everything already waits for nobody: what was ready may restart.
        if due:
            waiting |= await _unready(phase, changes, reader)
        if waiting:
            return waiting
    return {}


async def _unready(phase: Phase, changes: Changes, reader: LiveReader) -> dict[ObjectKey, str]:
    unready = {key: "to be ready" for key in sorted(phase.ready - changes.ended) if not await _is_ready(key, reader)}
    for key, properties in phase.properties.items():
        found = await live(key, reader.client)
        wanted = [f"{path}={text}" for path, steps, text in properties if text not in _texts(found, steps)]
        if wanted:
            unready[key] = f"to have {', '.join(wanted)}"
    return unready


async def _has_run(key: ObjectKey, reader: LiveReader) -> bool:
    """Whether a hook's Job or Pod has ended well; other objects have nothing to run."""
    if key.group_kind not in _RUN or reader.cache.has_ended(key):
        return True
    seen = await reader.get(key)
    return seen is not None and seen.facts is not None and seen.facts.state is WorkloadState.READY


async def _is_ready(key: ObjectKey, reader: LiveReader) -> bool:
    seen = await reader.get(key)
    return seen is not None and (seen.facts is None or seen.facts.state is WorkloadState.READY)


def _texts(live: Mapping[str, Any] | None, steps: Sequence[Step]) -> list[str]:
    """What stands at a path, as text: yes and no as YAML writes them."""
    found: list[Any] = [live]
    for step in steps:
        found = [child for value in found for _, child in children(value, step)]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in found]
