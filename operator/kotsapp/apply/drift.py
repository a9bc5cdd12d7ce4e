"""What of a plan is not in the cluster as it should be: changed in the plan, or changed by somebody else."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.cache import OwnedObjects, Seen
from kotsapp.apply.changes import Changes, Contested, Object
from kotsapp.apply.digests import other_managers
from kotsapp.apply.field_diff import differing, managers_of, shown
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.plan import Plan, PlanDigests
from kotsapp.apply.reader import LiveReader
from kotsapp.apply.repair_backoff import RepairHistory
from kotsapp.aside import paced
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.objects import Identity, ObjectKey, key_of

MAX_CONTESTS = 3


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an app's objects from before.

    ``finished`` are objects that were seen well at the end of an earlier reconciliation (kind, namespace, name).
    """

    inventory: Inventory
    repairs: RepairHistory = field(default_factory=RepairHistory)
    finished: Collection[tuple[str, str, str]] = ()


async def find_changes(plan: Plan, digests: PlanDigests, reader: LiveReader, known: Known) -> Changes:
    """Compare every object with what the inventory says was applied, by the ``digests`` of what is wanted.

    What runs once and has done so is compared by the digest of what was written, whatever its images have become.
    """
    changed, drifted, postponed, ended = [], [], [], []
    now = time.monotonic()
    async for obj in paced(plan.objects):
        key = key_of(obj)
        entry = known.inventory.get(key)
        if entry is None or entry.key != key or not entry.digest:
            changed.append(obj)
            continue
        seen = await reader.get(key)
        if entry.digest != digests.wanted[key]:
            same_source = entry.source and entry.source == digests.written.get(key)
            if not (same_source and _is_over(obj, seen, reader.cache, known)):
                changed.append(obj)
            elif seen is None:
                ended.append(key)
            continue
        # An object that is being deleted can't be repaired: it is missed when it is gone.
        if seen is not None and (seen.fields == entry.fields or seen.deleting):
            continue
        if seen is None and _removed_itself(obj, reader.cache, known):
            ended.append(key)
        elif known.repairs.wait(key.identity, now) > 0:
            postponed.append(obj)
        else:
            drifted.append(obj)
    return Changes(
        plan,
        digests,
        tuple(changed),
        tuple(drifted),
        tuple(postponed),
        frozenset(ended),
        frozenset(reader.unwatched),
    )


async def note_repairs(
    changes: Changes, client: KubeClient, history: RepairHistory
) -> tuple[RepairHistory, Contested | None]:
    """The history with the repairs that were made, and what is said of the objects that are fought over.

    A fight is over when a repair has lasted as long as the next one would have been put off.
    """
    now = time.monotonic()
    history = history.repaired([key_of(obj).identity for obj in changes.drifted], now)
    explanations: dict[Identity, str] = {}
    for obj in changes.postponed[:MAX_CONTESTS]:
        identity = key_of(obj).identity
        explanations[identity] = await _explain(obj, len(history.times[identity]), client)
    waits = {key_of(obj).identity: 0.0 for obj in changes.postponed}
    for identity in (key.identity for key in changes.plan.keys):
        if identity in waits or history.is_contested(identity, now):
            waits[identity] = history.wait(identity, now)
            if identity in history.explanations:
                explanations.setdefault(identity, history.explanations[identity])
    history = history.explained(explanations)
    if not waits:
        return history, None
    shown = [explanations[identity] for identity in waits if identity in explanations][:MAX_CONTESTS]
    if len(waits) > len(shown):
        shown.append(f"and {len(waits) - len(shown)} more objects")
    message = (
        "; ".join(shown) + "; remove it from the manifests or from the other side, or leave it to them by"
        " spec.ignoreFields. Tried again more and more slowly"
    )
    return history, Contested(message, min(waits.values()))


def _is_over(obj: Object, seen: Seen | None, cache: OwnedObjects, known: Known) -> bool:
    """Whether what runs once has run well."""
    if seen is None:
        return _removed_itself(obj, cache, known)
    return seen.facts is not None and seen.facts.done


def _removed_itself(obj: Object, cache: OwnedObjects, known: Known) -> bool:
    """Whether a missing object is a Job that ended well and whose time to live is over: gone by its own wish."""
    key = key_of(obj)
    if key.group_kind != ("batch", "Job") or (obj.get("spec") or {}).get("ttlSecondsAfterFinished") is None:
        return False
    return cache.has_ended(key) or (key.kind, key.namespace, key.name) in known.finished


async def _explain(wanted: Mapping[str, Any], repairs: int, client: KubeClient) -> str:
    """Which field of the object is taken back, and by whom."""
    key: ObjectKey = key_of(wanted)
    live = await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
    if live is None:
        return f"{key} was deleted {repairs} times by somebody else"
    metadata: Mapping[str, object] = live["metadata"]
    paths = differing(wanted, live)
    takers = sorted({name for path in paths for name in managers_of(path, metadata, FIELD_MANAGER)})
    by = ", ".join(takers or other_managers(metadata, FIELD_MANAGER)) or "somebody"
    fields = ", ".join(shown(path) for path in paths) or "a field"
    return f"{key}: {fields} was taken back {repairs} times by {by}"
