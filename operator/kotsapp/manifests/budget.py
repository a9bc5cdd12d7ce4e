"""What reading may take: one budget over all that an app brings, checked on the way, not when it is too late."""

from collections.abc import Mapping
from typing import NamedTuple

from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.limits import MAX_ALIAS_NODES, MAX_DOCUMENTS, MAX_NODES, MAX_SOURCE_BYTES, MIB


class Resource(NamedTuple):
    """Something bounded: the problem of more than ``{limit}`` of it, in multiples of ``unit``, and what to do."""

    problem: str
    unit: int = 1

    def exceeded(self, place: Place, limit: int) -> ManifestError:
        return ManifestError(place, self.problem.format(limit=limit // self.unit))


_SUM = "counted over all that the app brings"
TEXT = Resource(f"makes more than {{limit}} MiB of text, {_SUM}: leave out what isn't needed", MIB)
NODES = Resource(f"has more than {{limit}} values, {_SUM}: split it")
ALIASES = Resource("has aliases that add more than {limit} values: write them out or split the source")
OBJECTS = Resource(f"has more than {{limit}} objects and documents, {_SUM}: split it")

_ONE_SOURCE = {TEXT: MAX_SOURCE_BYTES, NODES: MAX_NODES, ALIASES: MAX_ALIAS_NODES, OBJECTS: MAX_DOCUMENTS}


class Budget:
    """What may still be taken of each resource; what has no limit is free."""

    __slots__ = ("_left", "_limits")

    def __init__(self, limits: Mapping[Resource, int] | None = None) -> None:
        self._limits = dict(_ONE_SOURCE if limits is None else limits)
        self._left = dict(self._limits)

    def take(self, resource: Resource, amount: int, place: Place) -> None:
        """Raises ManifestError at ``place`` when there is not as much left."""
        left = self._left.get(resource)
        if left is None:
            return
        self._left[resource] = left - amount
        if left < amount:
            raise resource.exceeded(place, self._limits[resource])

    def left(self, resource: Resource) -> int:
        """How much may still be taken, for loops that count by themselves and give it to ``leave``."""
        return self._left[resource]

    def leave(self, resource: Resource, left: int) -> None:
        self._left[resource] = left

    def anew(self) -> "Budget":
        """One with the same limits, of which nothing is taken: for reading the same text once more."""
        return Budget(self._limits)

    @property
    def limits(self) -> Mapping[Resource, int]:
        return self._limits

    def limit(self, resource: Resource) -> int:
        return self._limits[resource]
