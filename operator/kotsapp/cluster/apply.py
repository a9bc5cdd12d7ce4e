"""Applying, deleting and replacing objects, many at a time."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kotsapp.cluster.client import KubeClient
from kotsapp.cluster.errors import ApiError, UnknownKindError
from kotsapp.cluster.fields import object_digest
from kotsapp.cluster.inventory import Entry
from kotsapp.cluster.objects import ObjectKey, key_of
from kotsapp.cluster.owned import OwnedObjects
from kotsapp.cluster.tiers import in_tiers, tier

logger = logging.getLogger(__name__)

# Requests of one app under way at once; the API server has other clients.
CONCURRENCY = 16
CRD_WAIT = 30.0
GONE_WAIT = 60.0
POLL = 0.1
MAX_SHOWN_REFUSALS = 5
# Behind this come the words of an admission webhook or policy.
_DENIAL = re.compile(r"denied (?:the )?request")

T = TypeVar("T")
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server's no to one object."""

    key: ObjectKey
    message: str
    transient: bool

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


class RefusedError(Exception):
    """Objects were refused; the message names the first of them."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        shown = "; ".join(str(refusal) for refusal in refusals[:MAX_SHOWN_REFUSALS])
        more = len(refusals) - MAX_SHOWN_REFUSALS
        super().__init__(shown + (f"; and {more} more" if more > 0 else ""))
        self.refusals = tuple(refusals)

    @property
    def transient(self) -> bool:
        return all(refusal.transient for refusal in self.refusals)


class Applier:
    """Applies the objects of one app as one identity.

    ``force`` says whether an object may be deleted and made anew when a field can't be changed; ``seal`` keys the
    digests of Secrets (``fields.object_digest``).
    """

    def __init__(
        self, client: KubeClient, owned: OwnedObjects, force: Callable[[Object], bool], seal: bytes = b""
    ) -> None:
        self._seal = seal
        self._client = client
        self._owned = owned
        self._force = force

    async def rehearse(self, objects: Sequence[Object], brought: frozenset[tuple[str, str]]) -> list[Object]:
        """Dry-run all of them, changing nothing; raises RefusedError. Answers are as the server would store them.

        ``brought`` are the (group, kind) pairs and ``("", namespace)`` names that the same objects bring: what needs
        one of them can't be rehearsed before it is there.
        """
        results = await self._each(objects, lambda obj: self._rehearse(obj, brought))
        return [result for result in results if result is not None]

    async def apply(self, objects: Sequence[Object], applied: Callable[[Entry], None]) -> None:
        """Apply them tier by tier, telling ``applied`` of each at once; raises RefusedError after a failed tier."""
        by_key = {key_of(obj): obj for obj in objects}
        for keys in in_tiers(by_key):
            await self._each([by_key[key] for key in keys], lambda obj: self._apply(obj, applied))

    async def delete(self, entries: Iterable[Entry], spared: Callable[[Object, ObjectKey], str | None]) -> list[Entry]:
        """Delete what is live and not spared, last tier first; the entries that are done with.

        Raises RefusedError for what could not be deleted.
        """
        done: list[Entry] = []
        ordered = sorted(entries, key=lambda entry: (-tier(entry.key), entry.key))
        by_tier: dict[int, list[Entry]] = {}
        for entry in ordered:
            by_tier.setdefault(tier(entry.key), []).append(entry)
        refusals: list[Refusal] = []
        for members in by_tier.values():
            results = await asyncio.gather(*(self._delete(entry, spared) for entry in members))
            done += [entry for entry, refusal in zip(members, results, strict=True) if refusal is None]
            refusals += [refusal for refusal in results if refusal is not None]
        if refusals:
            raise RefusedError(refusals)
        return done

    async def _rehearse(self, obj: Object, brought: frozenset[tuple[str, str]]) -> Object | None:
        key = key_of(obj)
        if key.group_kind in brought or ("", key.namespace) in brought:
            return None
        try:
            return await self._client.apply(obj, dry_run=True)
        except ApiError as error:
            if error.status == 400 and "does not support dry run" in error.message:
                return None
            if error.immutable and self._force(obj):
                return None
            raise

    async def _apply(self, obj: Object, applied: Callable[[Entry], None]) -> None:
        key = key_of(obj)
        with self._owned.applying(key):
            try:
                live = await self._client.apply(obj)
            except ApiError as error:
                if not (error.immutable and self._force(obj)):
                    raise
                live = await self._replace(obj, key)
            seen = self._owned.note(live, key)
        applied(Entry(key, object_digest(obj, self._seal), seen.fields))
        if key.kind == "CustomResourceDefinition":
            await self._established(key)

    async def _replace(self, obj: Object, key: ObjectKey) -> dict[str, Any]:
        kind = await self._client.resource_type(key.api_version, key.kind)
        live = await self._client.get(kind, key.name, key.namespace)
        if live is not None:
            uid = live["metadata"]["uid"]
            await self._client.delete(kind, key.name, key.namespace, uid=uid, propagation="Foreground")
            await self._until(lambda: self._is_gone(kind, key, uid), GONE_WAIT, f"{key} was deleted to be made anew")
        return await self._client.apply(obj)

    async def _is_gone(self, kind: Any, key: ObjectKey, uid: str) -> bool:
        live = await self._client.get(kind, key.name, key.namespace)
        return live is None or live["metadata"]["uid"] != uid

    async def _established(self, key: ObjectKey) -> None:
        kind = await self._client.resource_type(key.api_version, key.kind)

        async def established() -> bool:
            crd = await self._client.get(kind, key.name)
            conditions = ((crd or {}).get("status") or {}).get("conditions") or ()
            return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)

        await self._until(established, CRD_WAIT, f"{key} was applied")

    @staticmethod
    async def _until(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not await condition():  # noqa: ASYNC110 - what is awaited is in the cluster
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise ApiError(
                0, "Timeout", f"{what}, and the API server is not done with it after {seconds:g} s"
            ) from None

    async def _delete(self, entry: Entry, spared: Callable[[Object, ObjectKey], str | None]) -> Refusal | None:
        key = entry.key
        try:
            kind = await self._client.resource_type(key.api_version, key.kind)
            live = await self._client.get(kind, key.name, key.namespace)
            if live is None or "deletionTimestamp" in live["metadata"]:
                return None
            if reason := spared(live, key):
                logger.info("%s is left alone: %s", key, reason)
                return None
            with self._owned.applying(key):
                await self._client.delete(kind, key.name, key.namespace, uid=live["metadata"]["uid"])
            self._owned.forget(key)
        except UnknownKindError:
            return None  # its definition is gone, and all its objects with it
        except ApiError as error:
            return Refusal(key, error.message, error.transient)
        return None

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
                    refusals.append(Refusal(key_of(obj), _explain(error, key_of(obj)), error.transient))

        await asyncio.gather(*(one(obj) for obj in objects))
        if refusals:
            raise RefusedError(sorted(refusals, key=lambda refusal: refusal.key))
        return results


def _explain(error: ApiError, key: ObjectKey) -> str:
    if error.immutable:
        fields = ", ".join(error.fields) or "a field"
        return (
            f"{fields} can't be changed on the live object (immutable). Annotate it kotsapp.dev/force: enabled in the"
            " manifest to have it deleted and made anew, or undo the change"
        )
    if key.group_kind == ("", "Secret"):
        return _without_values(error)
    return error.message


def _without_values(error: ApiError) -> str:
    """What the API server says about a Secret, less what may quote the Secret's content."""
    denied = _DENIAL.search(error.message)
    if denied:
        return f"{error.message[: denied.end()]} (its words are left out: they may quote the Secret)"
    if error.invalid:
        return "the API server finds it invalid" + (f" at {', '.join(error.fields)}" if error.fields else "")
    return error.message
