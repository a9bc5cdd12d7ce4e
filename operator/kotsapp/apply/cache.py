"""What the cluster holds of the objects that the operator applied, kept by watching those alone.

The server selects by label, so neither traffic nor memory grows with what else is in the cluster. Of each object
only a few facts are kept.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.apply.digests import fields_digest
from kotsapp.apply.inventory import says_kept
from kotsapp.apply.kind_watch import KindWatch, key_in
from kotsapp.apply.reservations import Reservations
from kotsapp.health.assess import WorkloadFacts, WorkloadState, facts, has_health
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import Identity, ObjectKey, Owner

logger = logging.getLogger(__name__)

FIRST_LIST_TIMEOUT = 30.0
WatchKey = tuple[str, str, str | None, str | None]  # API version, kind, namespace and user


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


class OwnedObjects:
    """A view of every object that carries an app's label pair; ``keep_annotation`` is how one is to outlive its app.

    ``on_change`` is called with the owner when an object of its was changed by somebody else, was deleted, or is a
    workload whose health changed. What merely carries its labels is none of its: anybody can put them on an object of
    their own, and would have others' apps looked at for ever (``expect``).
    """

    def __init__(self, labels: tuple[str, str], keep_annotation: str, on_change: Callable[[Owner], None]) -> None:
        self._keep_annotation = keep_annotation
        self._namespace_label, self._name_label = labels
        self._on_change = on_change
        self._seen: dict[Identity, Seen] = {}
        self._watches: dict[WatchKey, KindWatch] = {}
        # Objects that are being applied, with the uids that were seen deleted meanwhile.
        self._applying: dict[Identity, set[str]] = {}
        # Jobs that were gone when they had ended well, and by whom they were applied.
        self._ended: dict[Identity, Owner] = {}
        self._reservations = Reservations(on_change)
        # What each app has or wants.
        self._expected: dict[Owner, frozenset[Identity]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def get(self, key: ObjectKey) -> Seen | None:
        return self._seen.get(key.identity)

    def holder(self, identity: Identity) -> Owner | None:
        """Whose it is by its labels, where that app knows it, too; None where nobody has it."""
        seen = self._seen.get(identity)
        return seen.owner if seen is not None and identity in self._expected.get(seen.owner, ()) else None

    def has_ended(self, key: ObjectKey) -> bool:
        """Whether it is a Job that ended well and is gone since."""
        return key.identity in self._ended

    async def follow(self, kind: ResourceType, namespace: str | None, client: KubeClient, owner: Owner) -> bool:
        """Start watching, once, and wait for the first list; False when this identity may not watch.

        The watch lasts until every owner who asked for it is forgotten. Raises ApiError when the API server doesn't
        answer in time, and UnknownKindError when it serves no such kind any more.
        """
        key = (kind.api_version, kind.kind, namespace, client.user)
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = KindWatch(kind, namespace, client, self._name_label, self)
        elif watch.is_unserved:
            watch.try_anew(kind)
        watch.followers.add(owner)
        watch.shared.join()
        try:
            async with asyncio.timeout(FIRST_LIST_TIMEOUT):
                await watch.synced.wait()
        except TimeoutError:
            raise ApiError(0, "Timeout", f"the API server did not list {kind.plural} in time") from None
        if watch.is_unserved:
            raise UnknownKindError(kind.api_version, kind.kind)
        return not watch.is_forbidden

    def expect(self, owner: Owner, keys: Iterable[ObjectKey]) -> None:
        """The owner has or wants these objects alone: from now on no others that carry its labels wake it."""
        self._expected[owner] = frozenset(key.identity for key in keys)

    def follow_only(self, owner: Owner, user: str | None, keys: Iterable[ObjectKey]) -> None:
        """The owner has these objects alone, as this identity: end the watches that nobody else needs."""
        keys = tuple(keys)
        self.expect(owner, keys)
        needed = {(key.api_version, key.kind) for key in keys}
        for key, watch in list(self._watches.items()):
            if key[:2] not in needed or key[3] != user:
                self._unfollow(key, watch, owner)

    def note(self, obj: Mapping[str, Any], key: ObjectKey) -> Seen:
        """Remember an object as an answer showed it, ahead of the watch; returns what the answer showed.

        Where the watch was faster and has shown a later change, the owner is woken for that one.
        """
        seen = self.read(obj, key)
        cached = self._seen.get(key.identity)
        self._hand_over(key.identity, cached, seen.owner)
        if seen.uid in self._applying.get(key.identity, ()):
            self._wake(seen.owner, key.identity)
            return seen
        self._ended.pop(key.identity, None)
        if cached is None or cached.uid != seen.uid or cached.version <= seen.version:
            self._seen[key.identity] = seen
        elif (cached.fields, cached.deleting, cached.kept) != (seen.fields, seen.deleting, seen.kept):
            self._wake(seen.owner, key.identity)
        return seen

    def forget(self, key: ObjectKey) -> None:
        self._seen.pop(key.identity, None)

    def forget_owner(self, owner: Owner) -> None:
        """The app is gone: end the watches that nobody else needs, and wake who waited for what it held."""
        for key, watch in list(self._watches.items()):
            self._unfollow(key, watch, owner)
        for identity in [identity for identity, seen in self._seen.items() if seen.owner == owner]:
            del self._seen[identity]
        self._expected.pop(owner, None)
        self._ended = {identity: known for identity, known in self._ended.items() if known != owner}
        self._reservations.forget_owner(owner)

    def reserve(self, owner: Owner, keys: Iterable[ObjectKey]) -> dict[ObjectKey, Owner]:
        """Keep others off objects that the owner is about to apply; those that others have reserved, and who.

        All of them are reserved, or none.
        """
        unsure = [key for key in keys if (seen := self._seen.get(key.identity)) is None or seen.owner != owner]
        return self._reservations.reserve(owner, unsure)

    def release(self, owner: Owner) -> None:
        """Done with applying: the objects' labels say from now on whose they are."""
        self._reservations.release(owner)

    def await_release(self, owner: Owner, taken: Mapping[ObjectKey, Owner]) -> None:
        """Tell the owner when one of these objects is deleted or changes hands, or its holder is gone."""
        self._reservations.await_release(owner, taken)

    @contextlib.contextmanager
    def applying(self, key: ObjectKey) -> Iterator[None]:
        """Changes seen meanwhile are our own and wake nobody."""
        self._applying[key.identity] = set()
        try:
            yield
        finally:
            self._applying.pop(key.identity, None)

    def _unfollow(self, key: WatchKey, watch: KindWatch, owner: Owner) -> None:
        watch.followers.discard(owner)
        if not watch.followers:
            watch.cancel()
            del self._watches[key]

    def _hand_over(self, identity: Identity, cached: Seen | None, owner: Owner) -> None:
        if cached is not None and cached.owner != owner:
            self._wake(cached.owner, identity)
            self._reservations.let_go(identity)

    def _wake(self, owner: Owner, identity: Identity) -> None:
        expected = self._expected.get(owner)
        if expected is None or identity in expected:
            self._on_change(owner)

    async def close(self) -> None:
        """End all watches."""
        tasks = [watch.cancel() for watch in self._watches.values()]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watches.clear()

    def only(self, watch: KindWatch, listed: Collection[ObjectKey], version: str) -> None:
        """What was known of the watched objects and is not in the list of this version is gone."""
        kind = watch.kind
        there = {key.identity for key in listed}
        group = kind.api_version.rpartition("/")[0]
        for identity in [i for i in self._seen if i.group_kind == (group, kind.kind)]:
            if identity in there or watch.namespace not in (None, identity.namespace) or identity in self._applying:
                continue
            if version.isdigit() and self._seen[identity].version > int(version):
                continue  # made after the list was
            self._wake(self._seen.pop(identity).owner, identity)
            self._reservations.let_go(identity)

    def observe(self, kind: ResourceType, event: str, obj: Mapping[str, Any]) -> None:
        """Take one object, as an event or a list shows it."""
        key = key_in(kind, obj)
        cached = self._seen.get(key.identity)
        seen = self.read(obj, key)
        if cached is not None and cached.uid == seen.uid and cached.version > seen.version:
            return
        if event == "DELETED":
            if cached is not None and cached.uid != seen.uid:
                return
            if key.identity in self._applying:
                self._applying[key.identity].add(seen.uid)
            self._seen.pop(key.identity, None)
            if key.group_kind == ("batch", "Job") and seen.facts and seen.facts.state is WorkloadState.READY:
                self._ended[key.identity] = seen.owner
            self._wake((cached or seen).owner, key.identity)
            self._reservations.let_go(key.identity)
            return
        self._seen[key.identity] = seen
        self._hand_over(key.identity, cached, seen.owner)
        if (cached is None and event == "LISTED") or key.identity in self._applying:
            return
        if cached is None or _watched(cached) != _watched(seen):
            self._wake(seen.owner, key.identity)

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


def _watched(seen: Seen) -> tuple[object, ...]:
    """What of an object makes a difference to its owner: not its version, which grows with every status."""
    return seen.fields, seen.facts, seen.deleting, seen.kept
