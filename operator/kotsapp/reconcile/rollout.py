"""Brings the cluster to a plan: pull secrets first, nothing that is right already, prune at the end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from kotsapp.cluster.apply import Applier, RefusedError
from kotsapp.cluster.client import FIELD_MANAGER, KubeClient
from kotsapp.cluster.errors import UnknownKindError
from kotsapp.cluster.fields import fields_digest, object_digest, other_managers
from kotsapp.cluster.health import WorkloadState
from kotsapp.cluster.inventory import Entry, spared
from kotsapp.cluster.objects import ObjectKey, key_of
from kotsapp.manifests.charts import hook_of
from kotsapp.pullsecret import Clash, decide
from kotsapp.reconcile.app import App, Memory
from kotsapp.reconcile.contest import remember, taken_paths, wait_before_repair
from kotsapp.reconcile.halt import UNWATCHED_POLL, again, stop
from kotsapp.reconcile.ownership import refuse_claimed, refuse_controlled, refuse_strangers
from kotsapp.reconcile.plan import Object, Plan, own
from kotsapp.reconcile.report import Report
from kotsapp.reconcile.services import Services
from kotsapp.resource import FORCE_ANNOTATION, PRUNE_ANNOTATION
from kotsapp.resource.conditions import PULL_SECRET_READY, WORKLOADS_APPLIED, Condition, Reason

logger = logging.getLogger(__name__)

# Without a watch nothing tells of drift; every object is looked at this often then.
BLIND_INTERVAL = 300.0


@dataclass(frozen=True, slots=True)
class Contested:
    """Objects that somebody else keeps changing back; ``wait`` is in seconds."""

    message: str
    wait: float


@dataclass(frozen=True, slots=True)
class _Contest:
    wanted: Object
    repairs: int
    wait: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """What was done: objects ``written`` because the plan changed, ``repaired`` because somebody changed them.

    ``waiting`` are hooks that have to end before the rest is applied; ``ended`` are Jobs that ended and removed
    themselves.
    """

    written: tuple[ObjectKey, ...]
    repaired: tuple[ObjectKey, ...]
    pruned: tuple[ObjectKey, ...]
    blind: frozenset[tuple[str, str]]
    contested: Contested | None
    waiting: tuple[ObjectKey, ...]
    ended: frozenset[ObjectKey]


def force_allowed(obj: Object) -> bool:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return bool(annotations.get(FORCE_ANNOTATION) == "enabled")


async def roll_out(
    app: App,
    plan: Plan,
    secrets: Sequence[Object],
    client: KubeClient,
    services: Services,
    report: Report,
    memory: Memory,
    checkpoint: Callable[[], Awaitable[None]],
    *,
    prune: bool,
    seal: bytes,
) -> Rollout:
    """Apply what differs and prune what has left; raises Halt when an object is refused, claimed or clashes.

    ``checkpoint`` stores the report's inventory before anything new is made, so that nothing made is ever forgotten.
    ``seal`` keys the digests of Secrets in there.
    """
    owned_secrets = tuple(own(secret, app) for secret in secrets)
    objects = (*plan.objects, *owned_secrets)
    keys = [key_of(obj) for obj in objects]
    blind = await _follow(keys, client, services)
    refuse_claimed(app, keys, services)
    changed, drifted = await _differing(objects, client, services, report, blind, seal)
    ended = frozenset(key_of(obj) for obj in drifted if _removed_itself(obj, services, report))
    drifted = [obj for obj in drifted if key_of(obj) not in ended]
    secret_keys = {key_of(secret) for secret in owned_secrets}
    await _check_secrets([o for o in changed + drifted if key_of(o) in secret_keys], client)
    contested, drifted = _contested(drifted, memory)
    applier = Applier(client, services.owned, force_allowed, seal)
    new = await _rehearse(app, applier, changed, plan) if changed else frozenset()
    if client.user is None:
        over = [obj for obj in (*changed, *drifted) if key_of(obj) not in new | secret_keys]
        await refuse_strangers(app, over, client, services, report)
    unknown = [key_of(obj) for obj in changed if report.inventory.get(key_of(obj)) is None]
    if unknown:
        for key in unknown:
            report.applied(Entry(key))
        await checkpoint()
    memory.rollout_started = time.time() if changed else memory.rollout_started
    waiting = await _apply_phases(objects, {key_of(obj) for obj in (*changed, *drifted)}, applier, services, report)
    report.note(_secrets_ready(owned_secrets))
    pruned = await _prune(app, keys, applier, report) if prune and not waiting else ()
    return Rollout(
        tuple(key_of(obj) for obj in changed),
        tuple(key_of(obj) for obj in drifted),
        pruned,
        frozenset(blind),
        await _explain(contested, client) if contested else None,
        waiting,
        ended,
    )


async def _apply_phases(
    objects: Sequence[Object], due: set[ObjectKey], applier: Applier, services: Services, report: Report
) -> tuple[ObjectKey, ...]:
    """Apply what is due, a chart's hooks in their order; returns the hooks that have to end before it goes on."""
    phases: dict[tuple[int, int], list[Object]] = {}
    for obj in objects:
        hook = None if key_of(obj).group_kind == ("", "Secret") else hook_of(obj)
        phases.setdefault(hook.order if hook else (0, 0), []).append(obj)
    # A pull secret is no hook, and the first hook's pods may need it.
    first = min(phases, default=(0, 0))
    if first < (0, 0):
        secrets = [obj for obj in phases.get((0, 0), ()) if key_of(obj).group_kind == ("", "Secret")]
        phases[first] = [*secrets, *phases[first]]
    for order in sorted(phases):
        try:
            await applier.apply([obj for obj in phases[order] if key_of(obj) in due], report.applied)
        except RefusedError as error:
            raise _refused(error, Reason.APPLY_FAILED) from None
        due -= {key_of(obj) for obj in phases[order]}
        waiting = [key for obj in phases[order] if hook_of(obj) and not _has_run(key := key_of(obj), services)]
        if waiting and order != max(phases):
            return tuple(waiting)
    return ()


def _has_run(key: ObjectKey, services: Services) -> bool:
    """Whether a hook's Job or Pod has ended well; other objects have nothing to run."""
    if key.group_kind not in (("batch", "Job"), ("", "Pod")):
        return True
    seen = services.owned.get(key)
    return seen is not None and seen.facts is not None and seen.facts.state is WorkloadState.READY


def _contested(drifted: Sequence[Object], memory: Memory) -> tuple[dict[ObjectKey, _Contest], list[Object]]:
    """Which drifted objects are fought over and left for a while, and which are repaired now."""
    now = time.monotonic()
    contested: dict[ObjectKey, _Contest] = {}
    repaired: list[Object] = []
    for obj in drifted:
        key = key_of(obj)
        repairs = memory.repairs.get(key.identity, [])
        wait = wait_before_repair(repairs, now)
        if wait > 0:
            contested[key] = _Contest(obj, len(repairs), wait)
        else:
            memory.repairs[key.identity] = remember(repairs, now)
            repaired.append(obj)
    return contested, repaired


async def _explain(contested: Mapping[ObjectKey, _Contest], client: KubeClient) -> Contested:
    """Who takes which field back, of the first few objects."""
    parts = []
    for key, contest in list(contested.items())[:3]:
        live = await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
        fields = ", ".join(taken_paths(contest.wanted, live or {})) or "a field"
        managers = ", ".join(other_managers((live or {}).get("metadata") or {}, FIELD_MANAGER)) or "somebody"
        parts.append(
            f"{key}: {fields} was taken back {contest.repairs} times (other managers of the object: {managers})"
        )
    message = (
        "; ".join(parts) + "; remove it from the manifests or from the other side. Tried again more and more slowly"
    )
    return Contested(message, min(contest.wait for contest in contested.values()))


async def _follow(keys: Sequence[ObjectKey], client: KubeClient, services: Services) -> set[tuple[str, str]]:
    """Watch every kind of the plan; the (group, kind) pairs that this identity may not watch."""
    scopes: set[tuple[str, str, str]] = set()
    for key in keys:
        namespaced_watch = client.user is not None or services.settings.namespaces
        scopes.add((key.api_version, key.kind, key.namespace if namespaced_watch else ""))
    blind: set[tuple[str, str]] = set()
    for api_version, kind, namespace in sorted(scopes):
        try:
            resource = await client.resource_type(api_version, kind)
        except UnknownKindError:
            continue  # brought by this very plan, or refused by name when it is applied
        if not await services.owned.follow(resource, namespace or None, client):
            blind.add((api_version.rpartition("/")[0], kind))
    return blind


async def _differing(
    objects: Sequence[Object],
    client: KubeClient,
    services: Services,
    report: Report,
    blind: set[tuple[str, str]],
    seal: bytes,
) -> tuple[list[Object], list[Object]]:
    """The objects whose wanted state changed, and those that somebody else changed in the cluster."""
    changed: list[Object] = []
    drifted: list[Object] = []
    for obj in objects:
        key = key_of(obj)
        entry = report.inventory.get(key)
        if entry is None or entry.digest != object_digest(obj, seal) or entry.key != key:
            changed.append(obj)
        elif key.group_kind in blind:
            live = await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
            if live is None or fields_digest(live["metadata"], FIELD_MANAGER) != entry.fields:
                drifted.append(obj)
        else:
            seen = services.owned.get(key)
            if seen is None or seen.fields != entry.fields or seen.deleting:
                drifted.append(obj)
    return changed, drifted


def _removed_itself(obj: Object, services: Services, report: Report) -> bool:
    """Whether it is a Job that ended well and whose time to live is over: gone by its own wish, not by drift."""
    key = key_of(obj)
    lives_on = key.group_kind != ("batch", "Job") or (obj.get("spec") or {}).get("ttlSecondsAfterFinished") is None
    if lives_on or services.owned.get(key) is not None:
        return False
    return any(
        (entry.get("kind"), entry.get("namespace"), entry.get("name")) == (key.kind, key.namespace, key.name)
        and entry.get("state") == WorkloadState.READY
        for entry in report.before.get("workloads") or ()
    )


async def _check_secrets(secrets: Sequence[Object], client: KubeClient) -> None:
    """A pull secret whose name is taken by another type or owner is an error that names it; nothing is deleted."""
    if not secrets:
        return
    kind = await client.resource_type("v1", "Secret")
    keys = [key_of(secret) for secret in secrets]
    lives = await asyncio.gather(*(client.get(kind, key.name, key.namespace) for key in keys))
    clashes = [
        decision.message
        for live, secret in zip(lives, secrets, strict=True)
        if isinstance(decision := decide(live, secret, FIELD_MANAGER), Clash)
    ]
    if clashes:
        message = "; ".join(clashes)
        condition = Condition.false(PULL_SECRET_READY, Reason.PULL_SECRET_CLASH, message)
        raise stop(Reason.PULL_SECRET_CLASH, message, condition, retry_after=UNWATCHED_POLL)


async def _rehearse(app: App, applier: Applier, changed: Sequence[Object], plan: Plan) -> frozenset[ObjectKey]:
    """Keys of the objects that would be made; raises Halt when one is refused or a controller's."""
    try:
        stored = await applier.rehearse(changed, plan.brought)
    except RefusedError as error:
        raise _refused(error, Reason.OBJECT_REFUSED) from None
    refuse_controlled(app, stored)
    # The server gives an object that it would make no resourceVersion yet.
    return frozenset(key_of(obj) for obj in stored if not obj["metadata"].get("resourceVersion"))


def _refused(error: RefusedError, reason: Reason) -> Exception:
    message = str(error)
    condition = Condition.false(WORKLOADS_APPLIED, reason, message)
    if error.transient:
        return again(reason, message, condition)
    return stop(reason, message, condition, retry_after=UNWATCHED_POLL)


def _secrets_ready(secrets: Sequence[Object]) -> Condition:
    if not secrets:
        return Condition.true(PULL_SECRET_READY, "no pod pulls with the license, so no pull secret is needed")
    places = sorted(f"{key.namespace}/{key.name}" for key in map(key_of, secrets))
    return Condition.true(PULL_SECRET_READY, f"pull secret {', '.join(places)} holds the license's credential")


async def _prune(app: App, keys: Sequence[ObjectKey], applier: Applier, report: Report) -> tuple[ObjectKey, ...]:
    left_over = report.inventory.left_over(keys)
    if not left_over:
        return ()
    try:
        done = await applier.delete(left_over, lambda obj, key: spared(obj, key, app.labels, PRUNE_ANNOTATION))
    except RefusedError as error:
        raise _refused(error, Reason.PRUNE_FAILED) from None
    report.removed(done)
    return tuple(entry.key for entry in done)


async def clean_up(app: App, inventory: Sequence[Entry], client: KubeClient, services: Services) -> list[str]:
    """Delete what the app applied, as its finalizer promises; the problems that are left, empty when all is gone."""
    applier = Applier(client, services.owned, force_allowed)
    try:
        await applier.delete(inventory, lambda obj, key: spared(obj, key, app.labels, PRUNE_ANNOTATION))
    except RefusedError as error:
        return [str(refusal) for refusal in error.refusals]
    return []
