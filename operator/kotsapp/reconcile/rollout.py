"""Brings the cluster to a plan: pull secrets first, nothing that is right already, prune at the end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kotsapp.api.conditions import PULL_SECRET_READY, WORKLOADS_APPLIED, Condition, Reason
from kotsapp.apply.applier import Applier, RefusedError
from kotsapp.apply.digests import object_digest
from kotsapp.apply.inventory import Entry
from kotsapp.health.assess import WorkloadState
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.errors import UnknownKindError
from kotsapp.kube.objects import ObjectKey, key_of
from kotsapp.names import FORCE_ANNOTATION
from kotsapp.pullsecret import Clash, decide
from kotsapp.reconcile.app import App, Memory
from kotsapp.reconcile.drift import Contested, Differences, find_differences, note_repairs
from kotsapp.reconcile.outcome import UNWATCHED_POLL, Halt, again, stop
from kotsapp.reconcile.ownership import adoption, claim, refuse_controlled, refuse_strangers
from kotsapp.reconcile.plan import Object, Plan, own
from kotsapp.reconcile.removal import Removal, remove
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.sight import Sight
from kotsapp.reconcile.status import Report
from kotsapp.release.charts import hook_of

logger = logging.getLogger(__name__)

# Without a watch nothing tells of drift; every object is looked at this often then.
BLIND_INTERVAL = 300.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """What was done: objects ``written`` because the plan changed, ``repaired`` because somebody changed them.

    ``waiting`` are hooks that have to end before the rest is applied; ``ended`` are Jobs that ended and removed
    themselves.
    """

    written: tuple[ObjectKey, ...]
    repaired: tuple[ObjectKey, ...]
    removal: Removal
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
    checkpoint: Callable[[bool], Awaitable[None]],
    *,
    prune: bool,
    seal: bytes,
) -> Rollout:
    """Apply what differs and prune what has left; raises Halt when an object is refused, claimed or clashes.

    ``checkpoint`` stores the report's inventory before anything is made or changed, so that nothing made is ever
    forgotten, and nothing changed taken for what it was; it is told whether there are objects that were not there.
    ``seal`` keys the digests of Secrets in there.
    """
    owned_secrets = tuple(own(secret, app) for secret in secrets)
    keys = [key_of(obj) for obj in (*plan.objects, *owned_secrets)]
    blind = await _follow(app, keys, client, services)
    sight = Sight(client, services.owned, blind)
    objects = [await _kept_as_it_is(obj, sight) for obj in (*plan.objects, *owned_secrets)]
    try:
        await claim(app, keys, {key_of(secret) for secret in owned_secrets}, sight, services)
        digests = {key_of(obj): object_digest(obj, seal) for obj in objects}
        sources = {key: object_digest(obj, seal) for key, obj in plan.as_written.items()}
        found = await find_differences(objects, digests, sources, sight, report, memory)
        account = str(app.spec.get("serviceAccountName") or "")
        applier = Applier(
            client,
            services.owned,
            force_allowed,
            seal,
            services.gate.waiting,
            account,
            sources,
            adoption(app, client, report, plan),
        )
        await _check(app, found, owned_secrets, applier, client, services, report)
        if found.changed:
            brings_new = any(report.inventory.get(key_of(obj)) is None for obj in found.changed)
            for obj in found.changed:
                # No digest until it is known to be applied: what was there before must not be taken for what is.
                report.applied(Entry(key_of(obj), account=account))
            await checkpoint(brings_new)
        due = {key_of(obj) for obj in (*found.changed, *found.drifted)}
        waiting = await _apply_phases(objects, due, found.ended, applier, sight, report)
        # What a hook holds back is still due, but for what was there already: the hook may need it.
        await _repair([obj for obj in found.drifted if key_of(obj) in due], applier, report)
        written = tuple(key for key in map(key_of, found.changed) if key not in due)
        if written:
            memory.rollout_started = time.time()
        contested = await note_repairs(found, keys, client, memory)
        if any(obj["kind"] == "CustomResourceDefinition" for obj in (*found.changed, *found.drifted)):
            blind = await _follow(app, keys, client, services)
    finally:
        services.owned.release(app.key)
    report.note(_secrets_ready(owned_secrets))
    removal = Removal()
    if prune and not waiting:
        removal = await _prune(app, keys, applier, client, services, sight.again(), report)
    services.owned.follow_only(app.key, client.user, [*keys, *(e.key for e in report.inventory.entries.values())])
    return Rollout(
        written,
        tuple(key_of(obj) for obj in found.drifted),
        removal,
        frozenset(blind),
        contested,
        waiting,
        found.ended,
    )


async def _check(
    app: App,
    found: Differences,
    secrets: Sequence[Object],
    applier: Applier,
    client: KubeClient,
    services: Services,
    report: Report,
) -> None:
    """Raises Halt, and nothing has changed, when one of the objects must not or can't be applied."""
    due = (*found.changed, *found.drifted)
    secret_keys = {key_of(secret) for secret in secrets}
    await _check_secrets([obj for obj in due if key_of(obj) in secret_keys], client)
    try:
        new = await _rehearse(app, applier, found.changed) if found.changed else frozenset()
    except Halt:
        if client.user is None:
            # Whose it is says more than why it can't be applied over.
            await refuse_strangers(
                app, [obj for obj in due if key_of(obj) not in secret_keys], client, services, report
            )
        raise
    if client.user is None:
        over = [obj for obj in due if key_of(obj) not in new | secret_keys]
        await refuse_strangers(app, over, client, services, report)


async def _repair(drifted: Sequence[Object], applier: Applier, report: Report) -> None:
    try:
        await applier.apply(drifted, report.applied)
    except RefusedError as error:
        raise _refused(error, Reason.APPLY_FAILED) from None


async def _apply_phases(
    objects: Sequence[Object],
    due: set[ObjectKey],
    ended: frozenset[ObjectKey],
    applier: Applier,
    sight: Sight,
    report: Report,
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
        hooks = [key_of(obj) for obj in phases[order] if hook_of(obj)]
        look = sight.again()
        waiting = [key for key in hooks if key not in ended and not await _has_run(key, look)]
        if waiting and order != max(phases):
            return tuple(waiting)
    return ()


async def _is_unwell(key: ObjectKey, sight: Sight) -> bool:
    seen = await sight.of(key)
    return seen is not None and seen.facts is not None and seen.facts.state is not WorkloadState.READY


async def _has_run(key: ObjectKey, sight: Sight) -> bool:
    """Whether a hook's Job or Pod has ended well; other objects have nothing to run."""
    if key.group_kind not in (("batch", "Job"), ("", "Pod")) or sight.owned.has_ended(key):
        return True
    seen = await sight.of(key)
    return seen is not None and seen.facts is not None and seen.facts.state is WorkloadState.READY


async def _kept_as_it_is(obj: Object, sight: Sight) -> Object:
    """The object without its owner, if a person annotated the live one to outlive the app: the garbage collector would
    delete it all the same."""
    if "ownerReferences" not in obj["metadata"]:
        return obj
    seen = await sight.of(key_of(obj))
    if seen is None or not seen.kept:
        return obj
    return {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name != "ownerReferences"}}


async def _follow(app: App, keys: Sequence[ObjectKey], client: KubeClient, services: Services) -> set[tuple[str, str]]:
    """Watch every kind of the plan; the (group, kind) pairs that this identity may not watch."""
    by_namespace = client.user is not None or services.settings.namespaces
    scopes = {(key.api_version, key.kind, key.namespace if by_namespace else "") for key in keys}

    async def follow(api_version: str, kind: str, namespace: str) -> tuple[str, str] | None:
        try:
            resource = await client.resource_type(api_version, kind)
        except UnknownKindError:
            return None  # brought by this very plan, or refused by name when it is applied
        try:
            seen = await services.owned.follow(resource, namespace or None, client, app.key)
        except UnknownKindError:
            seen = False  # it goes, or comes, just now
        return None if seen else (api_version.rpartition("/")[0], kind)

    return {pair for pair in await asyncio.gather(*(follow(*scope) for scope in sorted(scopes))) if pair}


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


async def _rehearse(app: App, applier: Applier, changed: Sequence[Object]) -> frozenset[ObjectKey]:
    """Keys of the objects that would be made; raises Halt when one is refused or a controller's."""
    try:
        stored = await applier.rehearse(changed)
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


async def _prune(
    app: App,
    keys: Sequence[ObjectKey],
    applier: Applier,
    client: KubeClient,
    services: Services,
    sight: Sight,
    report: Report,
) -> Removal:
    """Delete what is no longer wanted. Secrets wait until all is well: pods of an older version may need one."""
    left_over = report.inventory.left_over(keys)
    if left_over and any([await _is_unwell(key, sight) for key in keys]):
        left_over = [entry for entry in left_over if entry.key.group_kind != ("", "Secret")]
    if not left_over:
        return Removal()
    try:
        return await remove(app, left_over, applier, client, services, report)
    except RefusedError as error:
        raise _refused(error, Reason.PRUNE_FAILED) from None
