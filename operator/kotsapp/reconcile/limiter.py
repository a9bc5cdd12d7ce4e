"""How many reconciliations are at work at the API server at once: those that wait for somebody else don't count."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kotsapp.fair_queue import FairQueue, Tenant


class Limiter:
    """Slots for work, shared fairly between tenants; ``waiting`` inside of one lets others have it meanwhile."""

    def __init__(self, limit: int) -> None:
        self._queue = FairQueue(limit, spare=True)
        self._waits: Counter[Tenant] = Counter()
        # Who let go of its slot and could not take it back, since it was cancelled while it waited for one.
        self._without: set[Tenant] = set()

    @asynccontextmanager
    async def slot(self, tenant: Tenant) -> AsyncIterator[None]:
        """At work; an app has one slot at a time."""
        await self._queue.take(tenant)
        try:
            yield
        finally:
            if tenant in self._without:
                self._without.remove(tenant)
            else:
                self._queue.give_back(tenant)

    @asynccontextmanager
    async def waiting(self, tenant: Tenant) -> AsyncIterator[None]:
        """Outside for a while: a registry, a finalizer or a hook may take minutes to answer.

        Of several that wait in one slot, the last one to end takes it back.
        """
        self._waits[tenant] += 1
        if self._waits[tenant] == 1:
            self._queue.give_back(tenant)
        try:
            yield
        finally:
            self._waits[tenant] -= 1
            if not self._waits[tenant]:
                del self._waits[tenant]
                await self._take_back(tenant)

    async def _take_back(self, tenant: Tenant) -> None:
        try:
            await self._queue.take(tenant)
        except BaseException:
            self._without.add(tenant)
            raise
