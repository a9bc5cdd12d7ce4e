"""Applying and replacing objects, many at a time."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kotsapp.apply.adopt import Adopter, Adoption
from kotsapp.apply.awaiting import Waiting, is_gone, until
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.definitions import until_served
from kotsapp.apply.dependencies import Provided
from kotsapp.apply.digests import object_digest
from kotsapp.apply.field_diff import differing, shown
from kotsapp.apply.inventory import Entry
from kotsapp.apply.order import in_tiers
from kotsapp.apply.refusals import DENIAL, Refusal, RefusedError, UnchangeableError, explain
from kotsapp.apply.update_strategy import beside_live_strategy
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import ObjectKey, key_of

logger = logging.getLogger(__name__)

# Requests of one app under way at once; the API server has other clients.
CONCURRENCY = 16
GONE_WAIT = 60.0
MAX_SHOWN_FIELDS = 3
# The API server may show many fields otherwise than they were written (quantities, defaults in lists).
MAX_DIFFERENCES = 50

T = TypeVar("T")
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How objects are applied.

    ``digest_key`` keys the digests of Secrets (``digests.object_digest``); ``account``, ``sources`` and
    ``deletion_phases`` (by object) are noted in the inventory's entries; ``adoption`` says whose fields become ours.
    ``force`` says whether an object may be deleted and made anew when a field can't be changed; ``waiting`` is entered
    while somebody else has to act. ``quoting`` says whether refusals may quote what is in the objects.
    """

    digest_key: bytes = field(default=b"", repr=False)
    account: str = ""
    sources: Mapping[ObjectKey, str] = field(default_factory=dict)
    deletion_phases: Mapping[ObjectKey, int] = field(default_factory=dict)
    adoption: Adoption = field(default_factory=Adoption)
    force: Callable[[Object], bool] = lambda _: False
    waiting: Waiting = contextlib.nullcontext
    quoting: bool = True


class Applier:
    """Applies the objects of one app as one identity."""

    def __init__(self, client: KubeClient, cache: OwnedObjects, options: ApplyOptions | None = None) -> None:
        self._client = client
        self._cache = cache
        self._options = options or ApplyOptions()
        self._adopter = Adopter(client, self._options.adoption)

    async def rehearse(self, objects: Sequence[Object]) -> list[Object]:
        """Dry-run all of them, changing nothing; raises RefusedError. Answers are as the server would store them.

        What needs another of the objects can't be rehearsed before that one is there, and has no answer.
        """
        provided = Provided.by(objects)
        results = await self._each(objects, lambda obj: self._rehearse(obj, provided))
        return [result for result in results if result is not None]

    async def apply(self, objects: Sequence[Object], applied: Callable[[Entry], None]) -> None:
        """Apply them tier by tier, calling ``applied`` with each at once; raises RefusedError after a failed tier."""
        by_key = {key_of(obj): obj for obj in objects}
        for keys in in_tiers(by_key):
            await self._each([by_key[key] for key in keys], lambda obj: self._apply(obj, applied))

    async def _rehearse(self, obj: Object, provided: Provided) -> Object | None:
        if key_of(obj).group_kind in provided.kinds:
            return None
        try:
            return await self._dry_run(obj)
        except ApiError as error:
            if error.status == 400 and "does not support dry run" in error.message:
                return None
            if error.awaits_another and provided.is_needed_by(obj):
                return None
            if not await self._is_unchangeable(obj, error):
                raise
            eased = await beside_live_strategy(obj, self._client)
            if eased is not None:
                with contextlib.suppress(UnchangeableError):
                    return await self._rehearse(eased, provided)
            if self._options.force(obj):
                return None
            raise await self._unchangeable(obj, error) from None

    async def _dry_run(self, obj: Object) -> Object:
        """The object as the server would store it. Where it is refused for what others have in it, that is taken over
        first, and given back if it is refused all the same."""
        key = key_of(obj)
        try:
            answer = await self._client.apply(obj, dry_run=True)
        except ApiError as error:
            moved = await self._adopter.prepare(obj, error) if _may_be_in_the_way(error) else None
            if moved is None:
                raise
            try:
                answer = await self._client.apply(obj, dry_run=True)
            except ApiError as again:
                await self._adopter.restore(obj, moved)
                raise again from None
        self._adopter.note(key, answer)
        return answer

    async def _apply(self, obj: Object, applied: Callable[[Entry], None]) -> None:
        key = key_of(obj)
        with self._cache.applying(key):
            try:
                if self._adopter.is_due(key):
                    await self._adopter.prepare(obj)
                live = await self._beside_others(obj)
            except ApiError as error:
                if not await self._is_unchangeable(obj, error):
                    raise
                live = await self._apply_otherwise(obj, key, error)
            seen = self._cache.note(live, key)
        digest = object_digest(obj, self._options.digest_key)
        source, phase = self._options.sources.get(key, ""), self._options.deletion_phases.get(key, 0)
        applied(Entry(key, digest, seen.fields, source, self._options.account, phase))
        if key.kind == "CustomResourceDefinition":
            await until_served(obj, self._client, self._options.waiting)

    async def _beside_others(self, obj: Object) -> dict[str, Any]:
        """Apply the object; entries of others that it can't stand beside give way to it."""
        try:
            return await self._client.apply(obj)
        except ApiError as error:
            if not _may_be_in_the_way(error) or await self._adopter.prepare(obj, error) is None:
                raise
        return await self._client.apply(obj)

    async def _apply_otherwise(self, obj: Object, key: ObjectKey, error: ApiError) -> dict[str, Any]:
        """Apply what can't be applied over the live object as it is."""
        eased = await beside_live_strategy(obj, self._client)
        if eased is not None:
            try:
                await self._client.apply(eased)
                return await self._client.apply(obj)
            except ApiError as again:
                if not await self._is_unchangeable(obj, again):
                    raise
        if not self._options.force(obj):
            raise await self._unchangeable(obj, error) from None
        return await self._replace(obj, key)

    async def _is_unchangeable(self, obj: Object, error: ApiError) -> bool:
        """Whether the object is refused for what the live one is, and could be made anew.

        API servers say so in many words; what is sure is that they would take the object if it were not there yet.
        """
        if error.status != 422 or DENIAL.search(error.message):
            return False
        if error.immutable:
            return True
        try:
            await self._client.create(obj, dry_run=True)
        except ApiError as refusal:
            return refusal.status == 409
        return False

    async def _unchangeable(self, obj: Object, error: ApiError) -> "UnchangeableError":
        """The error, its message naming the fields and no value of theirs."""
        key = key_of(obj)
        live = await self._client.get(
            await self._client.resource_type(key.api_version, key.kind), key.name, key.namespace
        )
        named = error.fields
        paths = [shown(path) for path in differing(obj, live or {}, MAX_DIFFERENCES)]
        fields = [path for path in paths if any(path.startswith(field) for field in named)] or named or ["a field"]
        message = (
            f"{', '.join(fields[:MAX_SHOWN_FIELDS])} can't be changed on the live object. Annotate it"
            " kotsapp.dev/force: enabled in the manifest to have it deleted and made anew, or undo the change"
        )
        return UnchangeableError(error.status, error.reason, message)

    async def _replace(self, obj: Object, key: ObjectKey) -> dict[str, Any]:
        kind = await self._client.resource_type(key.api_version, key.kind)
        live = await self._client.get(kind, key.name, key.namespace)
        if live is not None:
            uid = live["metadata"]["uid"]
            await self._client.delete(kind, key.name, key.namespace, uid=uid)
            what = f"{key} was deleted to be made anew"
            await until(lambda: is_gone(kind, key, uid, self._client), GONE_WAIT, what, self._options.waiting)
        return await self._client.apply(obj)

    async def _each(self, objects: Iterable[Object], work: Callable[[Object], Awaitable[T]]) -> list[T]:
        """Run ``work`` on each, bounded; every one is tried before RefusedError is raised."""
        gate = asyncio.Semaphore(CONCURRENCY)
        refusals: list[Refusal] = []
        results: list[T] = []

        async def one(obj: Object) -> None:
            async with gate:
                try:
                    results.append(await work(obj))
                except UnknownKindError as error:
                    refusals.append(Refusal(key_of(obj), str(error), transient=False))
                except ApiError as error:
                    message = explain(error, key_of(obj), quoting=self._options.quoting)
                    refusals.append(Refusal(key_of(obj), message, error.transient))

        await asyncio.gather(*(one(obj) for obj in objects))
        if refusals:
            raise RefusedError(sorted(refusals, key=lambda refusal: refusal.key))
        return results


def _may_be_in_the_way(error: ApiError) -> bool:
    """Whether an object may be refused for what others have in the live one."""
    return error.invalid and not error.immutable and DENIAL.search(error.message) is None
