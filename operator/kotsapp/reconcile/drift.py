"""What of a plan is not in the cluster as it should be: changed in the plan, or changed by somebody else."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kotsapp.apply.cache import OwnedObjects, Seen
from kotsapp.apply.digests import other_managers
from kotsapp.apply.field_diff import differing, managers_of, shown
from kotsapp.apply.repair_backoff import is_contested, remember, wait_before_repair
from kotsapp.health.assess import WorkloadState
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.objects import ObjectKey, key_of
from kotsapp.reconcile.app import Memory
from kotsapp.reconcile.plan import Object
from kotsapp.reconcile.sight import Sight
from kotsapp.reconcile.status import Report

MAX_CONTESTS = 3


@dataclass(frozen=True, slots=True)
class Contested:
    """Objects that somebody else keeps changing back; ``wait`` is in seconds."""

    message: str
    wait: float


@dataclass(frozen=True, slots=True)
class Differences:
    """Objects that are ``changed`` in the plan, and those that have ``drifted``, by what is to be done about them.

    ``drifted`` are repaired now, ``postponed`` later, since somebody fights over them; ``ended`` are Jobs that ended
    and removed themselves, about which there is nothing to do.
    """

    changed: tuple[Object, ...]
    drifted: tuple[Object, ...]
    postponed: tuple[Object, ...]
    ended: frozenset[ObjectKey]


async def find_differences(
    objects: Sequence[Object],
    digests: Mapping[ObjectKey, str],
    sources: Mapping[ObjectKey, str],
    sight: Sight,
    report: Report,
    memory: Memory,
) -> Differences:
    """Compare every object with what the inventory says was applied, by the ``digests`` of what is wanted.

    What runs once and has done so is compared by its ``sources``: the digest of what was written, whatever its images
    have become.
    """
    changed, drifted, postponed, ended = [], [], [], []
    now = time.monotonic()
    for obj in objects:
        key = key_of(obj)
        entry = report.inventory.get(key)
        if entry is None or entry.key != key or not entry.digest:
            changed.append(obj)
            continue
        seen = await sight.of(key)
        if entry.digest != digests[key]:
            if not (entry.source and entry.source == sources.get(key) and _is_over(obj, seen, sight.owned, report)):
                changed.append(obj)
            elif seen is None:
                ended.append(key)
            continue
        # An object that is being deleted can't be repaired: it is missed when it is gone.
        if seen is not None and (seen.fields == entry.fields or seen.deleting):
            continue
        if seen is None and _removed_itself(obj, sight.owned, report):
            ended.append(key)
        elif wait_before_repair(memory.repairs.get(key.identity, ()), now) > 0:
            postponed.append(obj)
        else:
            drifted.append(obj)
    return Differences(tuple(changed), tuple(drifted), tuple(postponed), frozenset(ended))


async def note_repairs(
    found: Differences, keys: Sequence[ObjectKey], client: KubeClient, memory: Memory
) -> Contested | None:
    """Count the repairs that were made; what is told of the objects that are fought over.

    A fight is over when a repair has lasted as long as the next one would have been put off.
    """
    now = time.monotonic()
    for obj in found.drifted:
        identity = key_of(obj).identity
        memory.repairs[identity] = remember(memory.repairs.get(identity, ()), now)
    for obj in found.postponed[:MAX_CONTESTS]:
        key = key_of(obj)
        memory.contests[key.identity] = await _explain(obj, len(memory.repairs[key.identity]), client)
    waits: dict[ObjectKey, float] = {key_of(obj): 0.0 for obj in found.postponed}
    for key in keys:
        repairs = memory.repairs.get(key.identity, ())
        if key in waits or is_contested(repairs, now):
            waits[key] = wait_before_repair(repairs, now)
        else:
            memory.contests.pop(key.identity, None)
    if not waits:
        return None
    told = [memory.contests[key.identity] for key in waits if key.identity in memory.contests][:MAX_CONTESTS]
    if len(waits) > len(told):
        told.append(f"and {len(waits) - len(told)} more objects")
    message = (
        "; ".join(told) + "; remove it from the manifests or from the other side, or leave it to them by"
        " spec.ignoreFields. Tried again more and more slowly"
    )
    return Contested(message, min(waits.values()))


def _is_over(obj: Object, seen: Seen | None, owned: OwnedObjects, report: Report) -> bool:
    """Whether what runs once has run well."""
    if seen is None:
        return _removed_itself(obj, owned, report)
    return seen.facts is not None and seen.facts.done


def _removed_itself(obj: Object, owned: OwnedObjects, report: Report) -> bool:
    """Whether a missing object is a Job that ended well and whose time to live is over: gone by its own wish."""
    key = key_of(obj)
    if key.group_kind != ("batch", "Job") or (obj.get("spec") or {}).get("ttlSecondsAfterFinished") is None:
        return False
    if owned.has_ended(key):
        return True
    return any(
        (entry.get("kind"), entry.get("namespace"), entry.get("name")) == (key.kind, key.namespace, key.name)
        and entry.get("state") == WorkloadState.READY
        for entry in report.before.get("workloads") or ()
    )


async def _explain(wanted: Object, repairs: int, client: KubeClient) -> str:
    """Which field of the object is taken back, and by whom."""
    key = key_of(wanted)
    live = await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
    if live is None:
        return f"{key} was deleted {repairs} times by somebody else"
    metadata: Mapping[str, object] = live["metadata"]
    paths = differing(wanted, live)
    takers = sorted({name for path in paths for name in managers_of(path, metadata, FIELD_MANAGER)})
    by = ", ".join(takers or other_managers(metadata, FIELD_MANAGER)) or "somebody"
    fields = ", ".join(shown(path) for path in paths) or "a field"
    return f"{key}: {fields} was taken back {repairs} times by {by}"
