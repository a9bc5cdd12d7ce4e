"""What is known of the app's live objects: from the watches, or read where the identity may not watch."""

from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus

from kotsapp.apply.cache import OwnedObjects, Seen
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import ObjectKey


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. ``blind`` are (group, kind) pairs that can't be watched; their objects are read one by one, once."""

    client: KubeClient
    owned: OwnedObjects
    blind: Collection[tuple[str, str]]
    _looked_at: dict[tuple[str, str, str, str], Seen | None] = field(default_factory=dict)

    def again(self) -> "Sight":
        """A new look, for what was done since."""
        return Sight(self.client, self.owned, self.blind)

    async def of(self, key: ObjectKey) -> Seen | None:
        """The live object; None when there is none, or when the identity may not even read it."""
        if key.group_kind not in self.blind:
            return self.owned.get(key)
        if key.identity not in self._looked_at:
            self._looked_at[key.identity] = await self._read(key)
        return self._looked_at[key.identity]

    async def _read(self, key: ObjectKey) -> Seen | None:
        try:
            kind = await self.client.resource_type(key.api_version, key.kind)
            live = await self.client.get(kind, key.name, key.namespace)
        except ApiError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                return None  # whoever applies it is told so, with the object's name
            raise
        except UnknownKindError:
            return None  # brought by this very plan
        return None if live is None else self.owned.read(live, key)
