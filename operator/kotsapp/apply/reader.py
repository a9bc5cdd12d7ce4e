"""The one reader of live objects: from the watches, or from the API server where the identity may not watch."""

from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus

from kotsapp.apply.cache import OwnedObjects, Seen
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import GroupKind, Identity, ObjectKey


@dataclass(frozen=True, slots=True)
class LiveReader:
    """One look at the cluster. ``unwatched`` are (group, kind) pairs whose objects are read one by one, once.

    One rule for what can't be read: an object of a kind that is not served, and one that the identity may not even
    read, are not there. Applying them is refused with the object's name.
    """

    client: KubeClient
    cache: OwnedObjects
    unwatched: Collection[GroupKind]
    _read: dict[Identity, Seen | None] = field(default_factory=dict)

    def anew(self) -> "LiveReader":
        """Another look, for what was done since."""
        return LiveReader(self.client, self.cache, self.unwatched)

    async def get(self, key: ObjectKey) -> Seen | None:
        """What is known of the live object; None when there is none. Raises ApiError when nothing can be known."""
        if key.group_kind not in self.unwatched:
            return self.cache.get(key)
        if key.identity not in self._read:
            self._read[key.identity] = await self._ask(key)
        return self._read[key.identity]

    async def _ask(self, key: ObjectKey) -> Seen | None:
        try:
            kind = await self.client.resource_type(key.api_version, key.kind)
            live = await self.client.get(kind, key.name, key.namespace)
        except UnknownKindError:
            return None
        except ApiError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                return None
            raise
        return None if live is None else self.cache.read(live, key)
