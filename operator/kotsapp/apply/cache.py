"""What the cluster holds of the objects that the operator applied, kept by watching those alone.

The server selects by label, so neither traffic nor memory grows with what else is in the cluster. Of each object
only a few facts are kept.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kotsapp.apply.digests import fields_digest
from kotsapp.apply.inventory import says_kept
from kotsapp.health.assess import WorkloadFacts, WorkloadState, facts, has_health
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import Identity, ObjectKey

logger = logging.getLogger(__name__)

RELIST_BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# A watch that stood for so many seconds before it was cut is opened again at once.
STEADY = 5.0
# An API server that has just started refuses everybody for a moment; what stays refused is asked for seldom.
FORBIDDEN_BACKOFF = (1.0, 5.0, 15.0, 60.0)
FIRST_LIST_TIMEOUT = 30.0
# Discovery may know a kind a moment before it can be listed.
UNSERVED_TRIES = 3


class Owner(NamedTuple):
    """Whose objects they are: namespace and name of a KotsApp."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Seen:
    """One live object: whose it is by its labels, and digests that show whether it changed.

    ``kept`` says that it is annotated to outlive its app.
    """

    uid: str
    version: int
    owner: Owner
    fields: str
    facts: WorkloadFacts | None
    deleting: bool
    kept: bool


@dataclass(slots=True)
class _Scope:
    """One watch: a kind, in one namespace or in all, by one identity.

    It goes on while the kind is ``unserved``, ever more seldom; ``wanted`` has it try again now.
    """

    kind: ResourceType
    namespace: str | None
    client: KubeClient
    followers: set[Owner] = field(default_factory=set)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    forbidden: bool = False
    unserved: bool = False
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class OwnedObjects:
    """A view of every object that carries an app's label pair; ``keep_annotation`` is how one is to outlive its app.

    ``on_change`` is called with the owner when an object of its was changed by somebody else, was deleted, or is a
    workload whose health changed.
    """

    def __init__(self, labels: tuple[str, str], keep_annotation: str, on_change: Callable[[Owner], None]) -> None:
        self._keep_annotation = keep_annotation
        self._namespace_label, self._name_label = labels
        self._on_change = on_change
        self._seen: dict[Identity, Seen] = {}
        self._scopes: dict[tuple[str, str, str | None, str | None], _Scope] = {}
        # Objects that are being applied, with the uids that were seen deleted meanwhile.
        self._applying: dict[Identity, set[str]] = {}
        # Jobs that were gone when they had ended well, and by whom they were applied.
        self._ended: dict[Identity, Owner] = {}
        # Objects that are about to be applied, by whom, and who waits for the ones that are somebody else's.
        self._reserved: dict[Identity, Owner] = {}
        self._waiting: dict[Identity, dict[Owner, Owner]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def get(self, key: ObjectKey) -> Seen | None:
        return self._seen.get(key.identity)

    def has_ended(self, key: ObjectKey) -> bool:
        """Whether it is a Job that ended well and is gone since."""
        return key.identity in self._ended

    async def follow(self, kind: ResourceType, namespace: str | None, client: KubeClient, owner: Owner) -> bool:
        """Start watching, once, and wait for the first list; False when this identity may not watch.

        The watch lasts until every owner who asked for it is forgotten. Raises ApiError when the API server doesn't
        answer in time, and UnknownKindError when it serves no such kind any more.
        """
        key = (kind.api_version, kind.kind, namespace, client.user)
        scope = self._scopes.get(key)
        if scope is None:
            scope = self._scopes[key] = _Scope(kind, namespace, client)
            scope.task = asyncio.create_task(self._keep(scope), name=f"watch {kind.plural} {namespace or '*'}")
        elif scope.unserved:
            # It was to be found just now, perhaps under another path.
            scope.kind = kind
            scope.synced.clear()
            scope.wanted.set()
        scope.followers.add(owner)
        try:
            async with asyncio.timeout(FIRST_LIST_TIMEOUT):
                await scope.synced.wait()
        except TimeoutError:
            raise ApiError(0, "Timeout", f"the API server did not list {kind.plural} in time") from None
        if scope.unserved:
            raise UnknownKindError(kind.api_version, kind.kind)
        return not scope.forbidden

    def follow_only(self, owner: Owner, user: str | None, keys: Iterable[ObjectKey]) -> None:
        """The owner has these objects alone, as this identity: end the watches that nobody else needs."""
        needed = {(key.api_version, key.kind) for key in keys}
        for key, scope in list(self._scopes.items()):
            if key[:2] not in needed or key[3] != user:
                self._unfollow(key, scope, owner)

    def note(self, obj: Mapping[str, Any], key: ObjectKey) -> Seen:
        """Remember an object as an answer showed it, ahead of the watch; returns what the answer showed.

        Where the watch was faster and has shown a later change, the owner is told of that one.
        """
        seen = self.read(obj, key)
        held = self._seen.get(key.identity)
        self._hand_over(key.identity, held, seen.owner)
        if seen.uid in self._applying.get(key.identity, ()):
            self._on_change(seen.owner)
            return seen
        self._ended.pop(key.identity, None)
        if held is None or held.uid != seen.uid or held.version <= seen.version:
            self._seen[key.identity] = seen
        elif (held.fields, held.deleting, held.kept) != (seen.fields, seen.deleting, seen.kept):
            self._on_change(seen.owner)
        return seen

    def forget(self, key: ObjectKey) -> None:
        self._seen.pop(key.identity, None)

    def forget_owner(self, owner: Owner) -> None:
        """The app is gone: end the watches that nobody else needs, and tell who waited for what it held."""
        for key, scope in list(self._scopes.items()):
            self._unfollow(key, scope, owner)
        for identity in [identity for identity, seen in self._seen.items() if seen.owner == owner]:
            del self._seen[identity]
        self._ended = {identity: known for identity, known in self._ended.items() if known != owner}
        for identity, waiting in list(self._waiting.items()):
            waiting.pop(owner, None)
            self._let_go(identity, owner)

    def reserve(self, owner: Owner, keys: Iterable[ObjectKey]) -> dict[ObjectKey, Owner]:
        """Keep others off objects that the owner is about to apply; those that others have reserved, and who.

        All of them are reserved, or none.
        """
        unsure = [key for key in keys if (seen := self._seen.get(key.identity)) is None or seen.owner != owner]
        taken = {key: self._reserved[key.identity] for key in unsure if key.identity in self._reserved}
        taken = {key: holder for key, holder in taken.items() if holder != owner}
        if not taken:
            self._reserved.update((key.identity, owner) for key in unsure)
        return taken

    def release(self, owner: Owner) -> None:
        """Done with applying: the objects' labels say from now on whose they are."""
        for identity in [identity for identity, holder in self._reserved.items() if holder == owner]:
            del self._reserved[identity]
            self._let_go(identity, owner)

    def await_release(self, owner: Owner, taken: Mapping[ObjectKey, Owner]) -> None:
        """Tell the owner when one of these objects is deleted or changes hands, or its holder is gone."""
        for key, holder in taken.items():
            self._waiting.setdefault(key.identity, {})[owner] = holder

    @contextlib.contextmanager
    def applying(self, key: ObjectKey) -> Iterator[None]:
        """Changes seen meanwhile are our own and wake nobody."""
        self._applying[key.identity] = set()
        try:
            yield
        finally:
            self._applying.pop(key.identity, None)

    def _unfollow(self, key: tuple[str, str, str | None, str | None], scope: _Scope, owner: Owner) -> None:
        scope.followers.discard(owner)
        if not scope.followers and scope.task is not None:
            scope.task.cancel()
            del self._scopes[key]

    def _let_go(self, identity: Identity, holder: Owner | None = None) -> None:
        """Tell who waits for the object, or only those who wait for this holder to let go of it."""
        waiting = self._waiting.get(identity, {})
        for owner in [owner for owner, known in waiting.items() if holder in (None, known)]:
            del waiting[owner]
            self._on_change(owner)
        if not waiting:
            self._waiting.pop(identity, None)

    def _hand_over(self, identity: Identity, held: Seen | None, owner: Owner) -> None:
        if held is not None and held.owner != owner:
            self._on_change(held.owner)
            self._let_go(identity)

    async def close(self) -> None:
        tasks = [scope.task for scope in self._scopes.values() if scope.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._scopes.clear()

    async def _keep(self, scope: _Scope) -> None:
        """Watch for ever: a fault in reading one answer must not leave drift unseen from then on."""
        while True:
            try:
                await self._run(scope)
            except Exception:
                logger.exception("watching %s failed unexpectedly", scope.kind.plural)
                await asyncio.sleep(RELIST_BACKOFF[-1])

    async def _run(self, scope: _Scope) -> None:
        failures, version = 0, ""
        while True:
            began = time.monotonic()
            try:
                if not version:
                    version = await self._list(scope)
                    scope.forbidden = scope.unserved = False
                    scope.synced.set()
                light = not has_health(scope.kind.api_version, scope.kind.kind)
                events = scope.client.watch(
                    scope.kind, scope.namespace, version, labels=self._name_label, metadata_only=light
                )
                async for event in events:
                    failures = 0
                    metadata = event["object"].get("metadata") or {}
                    version = str(metadata.get("resourceVersion") or version)
                    if event["type"] != "BOOKMARK":
                        self._observe(scope.kind, event["type"], event["object"])
            except ApiError as error:
                if time.monotonic() - began > STEADY:
                    failures = 0
                delay = RELIST_BACKOFF[min(failures, len(RELIST_BACKOFF) - 1)]
                if error.status == 403:
                    delay, version = FORBIDDEN_BACKOFF[min(failures, len(FORBIDDEN_BACKOFF) - 1)], ""
                    # What was allowed until now is given a little time before drift is looked for without it.
                    if not scope.forbidden and (failures > 1 or not scope.synced.is_set()):
                        scope.forbidden = True
                        scope.synced.set()
                        logger.warning("may not watch %s: %s", scope.kind.plural, error)
                failures += 1
                if error.status == 410:
                    version = ""
                elif error.status == 404:
                    version = ""
                    scope.client.forget_kinds(scope.kind.api_version)
                    self._forget_others(scope)  # they went with their definition
                    if scope.synced.is_set() or failures > UNSERVED_TRIES:
                        scope.unserved = True
                        scope.synced.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await scope.wanted.wait()
                    scope.wanted.clear()
                    failures = 0

    async def _list(self, scope: _Scope) -> str:
        full = has_health(scope.kind.api_version, scope.kind.kind)
        items, version = await scope.client.list(
            scope.kind, scope.namespace, labels=self._name_label, metadata_only=not full
        )
        listed = set()
        for item in items:
            # The items of a list of a built-in kind don't say what they are.
            item |= {"apiVersion": scope.kind.api_version, "kind": scope.kind.kind}
            listed.add(self._key(scope.kind, item).identity)
            self._observe(scope.kind, "LISTED" if not scope.synced.is_set() else "MODIFIED", item)
        self._forget_others(scope, listed, version)
        return version

    def _forget_others(self, scope: _Scope, listed: Collection[Identity] = (), version: str = "") -> None:
        """What was known in the scope and is not in the list of this version is gone."""
        group = scope.kind.api_version.rpartition("/")[0]
        for identity in [i for i in self._seen if i.group_kind == (group, scope.kind.kind)]:
            if identity in listed or scope.namespace not in (None, identity.namespace) or identity in self._applying:
                continue
            if version.isdigit() and self._seen[identity].version > int(version):
                continue  # made after the list was
            self._on_change(self._seen.pop(identity).owner)
            self._let_go(identity)

    def _observe(self, kind: ResourceType, event: str, obj: Mapping[str, Any]) -> None:
        key = self._key(kind, obj)
        held = self._seen.get(key.identity)
        seen = self.read(obj, key)
        if held is not None and held.uid == seen.uid and held.version > seen.version:
            return
        if event == "DELETED":
            if held is not None and held.uid != seen.uid:
                return
            if key.identity in self._applying:
                self._applying[key.identity].add(seen.uid)
            self._seen.pop(key.identity, None)
            if key.group_kind == ("batch", "Job") and seen.facts and seen.facts.state is WorkloadState.READY:
                self._ended[key.identity] = seen.owner
            self._on_change((held or seen).owner)
            self._let_go(key.identity)
            return
        self._seen[key.identity] = seen
        self._hand_over(key.identity, held, seen.owner)
        if (held is None and event == "LISTED") or key.identity in self._applying:
            return
        if held is None or _told_by(held) != _told_by(seen):
            self._on_change(seen.owner)

    def read(self, obj: Mapping[str, Any], key: ObjectKey) -> Seen:
        """What would be kept of this object."""
        metadata = obj.get("metadata") or {}
        labels = metadata.get("labels") or {}
        version = str(metadata.get("resourceVersion") or "0")
        return Seen(
            uid=str(metadata.get("uid") or ""),
            version=int(version) if version.isdigit() else 0,
            owner=Owner(labels.get(self._namespace_label, ""), labels.get(self._name_label, "")),
            fields=fields_digest(metadata, FIELD_MANAGER),
            facts=facts(obj) if has_health(key.api_version, key.kind) else None,
            deleting="deletionTimestamp" in metadata,
            kept=says_kept(metadata, self._keep_annotation),
        )

    @staticmethod
    def _key(kind: ResourceType, obj: Mapping[str, Any]) -> ObjectKey:
        metadata = obj.get("metadata") or {}
        return ObjectKey(kind.api_version, kind.kind, metadata.get("namespace") or "", str(metadata.get("name")))


def _told_by(seen: Seen) -> tuple[object, ...]:
    return seen.fields, seen.facts, seen.deleting, seen.kept
