"""One app's objects: checked, applied and pruned as one identity."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Self

from kotsapp.apply.absent import without_definitions, without_namespaces
from kotsapp.apply.applier import Applier, ApplyOptions
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.changes import Changes, ChangeSet, Object, Removal
from kotsapp.apply.definitions import refuse_unserved
from kotsapp.apply.deleter import Deleter
from kotsapp.apply.drift import Known, find_changes, note_repairs
from kotsapp.apply.inventory import Entry
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.ownership import (
    Applicant,
    Holds,
    adoption,
    claim,
    refuse_controlled,
    refuse_strangers,
    refuse_taken,
)
from kotsapp.apply.phases import apply_phases
from kotsapp.apply.plan import Plan, PlanDigests
from kotsapp.apply.pruner import ClientOf, Pruner
from kotsapp.apply.reader import LiveReader
from kotsapp.apply.refusals import RefusedError
from kotsapp.aside import Aside, paced
from kotsapp.health.assess import WorkloadState
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import UnknownKindError
from kotsapp.kube.objects import GroupKind, ObjectKey, key_of

_SECRET = GroupKind("", "Secret")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a session works: as whom, and what all apps share.

    ``by_namespace`` watches each namespace by itself, for those who may not watch them all. ``client_of`` an account
    has its rights; ``holds`` says whether another app has an object in its inventory. ``waiting`` is entered while
    somebody else has to act. ``aside`` is where much is computed.
    """

    client: KubeClient
    cache: OwnedObjects
    client_of: ClientOf
    holds: Holds
    by_namespace: bool = False
    waiting: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext
    aside: Aside = field(default_factory=Aside)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """``digest_key`` keys the digests of Secrets in the inventory; ``force`` says whether an object may be deleted and
    made anew when a field can't be changed; ``quoting`` whether refusals may quote what is in the objects."""

    digest_key: bytes = field(default=b"", repr=False)
    force: Callable[[Object], bool] = lambda _: False
    quoting: bool = True


class Session:
    """Use as a context manager: the plan's objects are reserved until it ends."""

    def __init__(self, applicant: Applicant, cluster: Cluster, known: Known, ledger: Ledger, options: SessionOptions):
        self._applicant = applicant
        self._cluster = cluster
        self._known = known
        self._ledger = ledger
        self._options = options
        # One for check and apply: its dry runs show what there is to adopt.
        self._applier: Applier | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.cache.release(self._applicant.owner)

    async def check(self, plan: Plan) -> Changes:
        """What is to be done; nothing has changed yet.

        Raises ClaimedError, NotOursError and RefusedError when an object must not or can't be applied, ApiError.
        """
        client, owner = self._cluster.client, self._applicant.owner
        plan = await without_namespaces(plan, client)
        entries = self._ledger.inventory.entries.values()
        self._cluster.cache.expect(owner, [*plan.keys, *(entry.key for entry in entries)])
        reader = self._reader(await self._watch(plan.keys))
        plan = await without_definitions(plan, client, self._ledger.inventory, reader)
        plan = await _without_kept_owners(plan, reader)
        inside = [key for key in plan.keys if key.namespace == owner.namespace]
        await claim(self._applicant, plan, inside, reader, self._cluster.holds)
        digests = await self._cluster.aside.run(plan.objects, PlanDigests.of, plan, self._options.digest_key)
        changes = await find_changes(plan, digests, reader, self._known)
        await refuse_unserved(changes.drifted, changes.due, client)
        await self._rehearse(changes)
        # Whoever may not apply there must not keep others off their own objects, not for a moment.
        outside = [key for key in plan.keys if key.namespace != owner.namespace]
        await claim(self._applicant, plan, outside, reader, self._cluster.holds)
        return changes

    async def _rehearse(self, changes: Changes) -> None:
        """Dry runs of all that is to be made or changed, and whether it may be. Raises as ``check`` does."""
        exclusive = changes.plan.exclusive
        unread = await refuse_taken(
            self._applicant, [obj for obj in changes.due if key_of(obj) in exclusive], self._cluster.client
        )
        new: frozenset[ObjectKey] = frozenset()
        self._applier = self._new_applier(changes)
        if changes.changed:
            try:
                stored = await self._applier.rehearse(changes.changed)
            except RefusedError as error:
                # Whose it is says more than why it can't be applied over.
                await self._refuse_strangers(changes, exclusive)
                raise error.with_others(unread) from None
            refuse_controlled(self._applicant, stored)
            # The server gives an object that it would make no resourceVersion yet.
            new = frozenset(key_of(obj) for obj in stored if not obj["metadata"].get("resourceVersion"))
        if unread:
            raise RefusedError(unread)
        await self._refuse_strangers(changes, new | exclusive)

    async def _refuse_strangers(self, changes: Changes, exempt: frozenset[ObjectKey]) -> None:
        """Raises NotOursError for what is due and somebody else's; with an account it is the account's to say."""
        client, cache = self._cluster.client, self._cluster.cache
        if client.user is not None:
            return
        objects = [obj for obj in changes.due if key_of(obj) not in exempt]
        await refuse_strangers(self._applicant, objects, client, cache, self._ledger.inventory)

    async def apply(self, changes: Changes) -> ChangeSet:
        """Apply what is due, phase by phase; raises RefusedError. What was applied until then is in the ledger."""
        applier = self._applier or self._new_applier(changes)
        if changes.changed:
            account = self._applicant.account
            phases = changes.plan.deletion_phases
            keys = [key_of(obj) for obj in changes.changed]
            await self._ledger.announce(Entry(key, account=account, deletion_phase=phases.get(key, 0)) for key in keys)
        due = {key_of(obj) for obj in changes.due}
        reader = self._reader(changes.unwatched)
        waiting = await apply_phases(changes, due, applier, self._ledger.applied, reader)
        # What a hook holds back is still due, but for what was there already: the hook may need it.
        await applier.apply([obj for obj in changes.drifted if key_of(obj) in due], self._ledger.applied)
        repairs, contested = await note_repairs(changes, self._cluster.client, self._known.repairs)
        unwatched = changes.unwatched
        if any(obj["kind"] == "CustomResourceDefinition" for obj in (*changes.changed, *changes.drifted)):
            unwatched = await self._watch(changes.plan.keys)
        return ChangeSet(
            applied=tuple(key for key in map(key_of, changes.changed) if key not in due),
            repaired=tuple(key_of(obj) for obj in changes.drifted),
            waiting=waiting,
            ended=changes.ended,
            unwatched=unwatched,
            contested=contested,
            repairs=repairs,
        )

    async def prune(self, changes: Changes) -> Removal:
        """Delete what the plan no longer wants; raises RefusedError. Secrets wait until all is well: pods of an older
        version may need one."""
        left_over = self._ledger.inventory.left_over([*changes.plan.keys, *changes.plan.if_absent])
        if left_over and await self._any_unwell(changes):
            left_over = [entry for entry in left_over if entry.key.group_kind != _SECRET]
        if not left_over:
            return Removal()
        pruner = Pruner(
            self._applicant,
            Deleter(self._cluster.cache, self._cluster.waiting),
            self._cluster.client,
            self._cluster.client_of,
        )
        return await pruner.delete(left_over, self._ledger)

    def watch_only_own(self, plan: Plan) -> None:
        """End the watches of kinds of which the app has no object any more."""
        inventory = self._ledger.inventory.entries.values()
        keys = [*plan.keys, *(entry.key for entry in inventory)]
        self._cluster.cache.follow_only(self._applicant.owner, self._cluster.client.user, keys)

    def _reader(self, unwatched: frozenset[GroupKind]) -> LiveReader:
        return LiveReader(self._cluster.client, self._cluster.cache, unwatched)

    def _new_applier(self, changes: Changes) -> Applier:
        options = ApplyOptions(
            digest_key=self._options.digest_key,
            account=self._applicant.account,
            sources=changes.digests.written,
            deletion_phases=changes.plan.deletion_phases,
            adoption=adoption(self._applicant, self._ledger.inventory, changes.plan),
            force=self._options.force,
            waiting=self._cluster.waiting,
            quoting=self._options.quoting,
        )
        return Applier(self._cluster.client, self._cluster.cache, options)

    async def _watch(self, keys: Iterable[ObjectKey]) -> frozenset[GroupKind]:
        """Watch every kind of the plan; those that this identity may not watch."""
        client, owner = self._cluster.client, self._applicant.owner
        by_namespace = client.user is not None or self._cluster.by_namespace
        scopes = {(key.api_version, key.kind, key.namespace if by_namespace else "") for key in keys}

        async def watch(api_version: str, kind: str, namespace: str) -> GroupKind | None:
            try:
                resource = await client.resource_type(api_version, kind)
            except UnknownKindError:
                return None  # brought by this very plan, or refused by name when it is applied
            try:
                watched = await self._cluster.cache.follow(resource, namespace or None, client, owner)
            except UnknownKindError:
                watched = False  # it goes, or comes, just now
            return None if watched else GroupKind(api_version.rpartition("/")[0], kind)

        return frozenset(kind for kind in await asyncio.gather(*(watch(*s) for s in sorted(scopes))) if kind)

    async def _any_unwell(self, changes: Changes) -> bool:
        reader = self._reader(changes.unwatched)
        seen = [await reader.get(key) for key in changes.plan.keys]
        return any(one and one.facts and one.facts.state is not WorkloadState.READY for one in seen)


async def _without_kept_owners(plan: Plan, reader: LiveReader) -> Plan:
    """The plan, the objects without an owner that a person annotated to outlive the app while they live: the garbage
    collector would delete them all the same."""

    async def one(obj: Object) -> Object:
        if "ownerReferences" not in obj["metadata"]:
            return obj
        seen = await reader.get(key_of(obj))
        if seen is None or not seen.kept:
            return obj
        metadata = {name: value for name, value in obj["metadata"].items() if name != "ownerReferences"}
        return {**obj, "metadata": metadata}

    phases = [
        replace(phase, objects=tuple([await one(obj) async for obj in paced(phase.objects)])) for phase in plan.phases
    ]
    return replace(plan, phases=tuple(phases))
