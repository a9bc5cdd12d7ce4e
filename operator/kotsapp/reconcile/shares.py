"""How much memory the releases that are at work hold in the operator: shared fairly, by their size (DESIGN 6.6).

What an app is made from and what it came to are in the operator's memory for as long as a reconciliation lasts, which
may be a minute where a registry is silent. So each has a share of a size, and waits until there is one. Nobody knows
the size before it is read: who turns out to be larger begins anew with a larger share, and keeps its size in mind.
"""

import weakref
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.manifests.budget import Budget, Resource
from kotsapp.manifests.errors import Place
from kotsapp.manifests.limits import MIB

# What one app may hold at most, roughly: 16 MiB of sources, and what 16 MiB of text and 400,000 values come to
# (release/budget.py).
MAX_ONE = 52 * MIB
# What is kept between two looks at apps that roll out, so that it is not read anew at each: of all apps together.
MAX_KEPT = 8 * MIB


class Size(Enum):
    """What an app may hold, in bytes, and how many of that size are at work at once."""

    # Two dozen objects and their sources. So many may wait for registries at once.
    SMALL = (MIB // 4, 64)
    # Two hundred objects: most releases of vendors have fewer. Here begins whose size nobody knows yet.
    MEDIUM = (2 * MIB, 24)
    # Two, so that one namespace's leaves a slot to another's.
    LARGE = (MAX_ONE, 2)

    @property
    def most(self) -> int:
        return self.value[0]

    @property
    def slots(self) -> int:
        return self.value[1]

    @classmethod
    def of(cls, held: int) -> "Size":
        """The smallest in which there is room for so many bytes; the largest takes any."""
        return next((size for size in cls if held <= size.most), cls.LARGE)


# An object with its values, and its text in the sources: twice what ordinary Deployments have.
OBJECT_BYTES = 16 * 1024

# All of them together; release/budget.py says what else is in the pod.
MAX_SHARES = sum(size.most * size.slots for size in Size) + MAX_KEPT


def expected(status: Mapping[str, Any]) -> Size:
    """What an app is likely to hold, by the status that it has: how many objects it had."""
    applied = len(status.get("inventory") or ())
    return Size.of(applied * OBJECT_BYTES) if applied else Size.MEDIUM


class LargerError(Exception):
    """The app holds more than its share; it is to begin anew with one of ``size``."""

    def __init__(self, size: Size) -> None:
        super().__init__(f"needs a share of the size {size.name}")
        self.size = size


class Share:
    """What one reconciliation holds, counted as it comes; its room is that of ``size``."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.held = 0
        self._replaced: dict[str, int] = {}

    def hold(self, amount: int) -> None:
        """So many bytes more. Raises LargerError where the share has no room for them."""
        self.held += amount
        if self.held > self.size.most and self.size is not Size.LARGE:
            raise LargerError(Size.of(self.held))

    def hold_rendering(self, amount: int) -> None:
        """A rendering of so many bytes, in place of the one before it. Raises LargerError."""
        self._hold_instead("rendering", amount)

    def hold_secrets(self, amount: int) -> None:
        """What is known of secrets is so many bytes by now. Raises LargerError."""
        self._hold_instead("secrets", amount)

    def _hold_instead(self, what: str, amount: int) -> None:
        before, self._replaced[what] = self._replaced.get(what, 0), amount
        self.hold(amount - before)


class Counted(Budget):
    """A budget of what is packed, all of which counts as held: twice, since it is there twice while a reader is given
    it."""

    __slots__ = ("_share",)

    def __init__(self, budget: Budget, share: Share) -> None:
        super().__init__(budget.limits)
        self._share = share

    def take(self, resource: Resource, amount: int, place: Place) -> None:
        """Raises LargerError, too."""
        super().take(resource, amount, place)
        self._share.hold(2 * amount)


class Shares:
    """The shares of all apps, and what is kept of them between reconciliations."""

    def __init__(self) -> None:
        self._queues = {size: FairQueue(size.slots, spare=True) for size in Size}
        self._kept: dict[int, tuple[Tenant, int]] = {}

    @asynccontextmanager
    async def slot(self, tenant: Tenant, size: Size) -> AsyncIterator[None]:
        """A share of this size, for as long as the context lasts."""
        async with self._queues[size].slot(tenant):
            yield

    def keep(self, tenant: Tenant, kept: object, amount: int) -> bool:
        """Whether there is room to keep something of so many bytes until nobody refers to it any more: a namespace
        never has more than is free for the others."""
        if id(kept) in self._kept:
            return True
        held: Counter[str] = Counter()
        for one, size in self._kept.values():
            held[one.namespace] += size
        if held[tenant.namespace] + amount > MAX_KEPT - held.total():
            return False
        self._kept[id(kept)] = (tenant, amount)
        weakref.finalize(kept, self._kept.pop, id(kept), None)
        return True
