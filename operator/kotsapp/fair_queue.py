"""Slots for something of which there is little, shared fairly between tenants (DESIGN 6.6).

They are given to namespace after namespace, and within one to app after app, whatever each asks for. Where a slot may
be held for long, some are spared: a namespace never has more slots than are free for the others, and an app half of
that; so whoever comes new finds one. Who did harm before is suspect: suspects go after everybody else, and one at a
time.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

Key = TypeVar("Key")


class Tenant(NamedTuple):
    """On whose behalf something is done: an app, which shares with the others of its namespace."""

    namespace: str = ""
    app: str = ""


# Who is alone, such as a command that runs once.
NOBODY = Tenant()
# On whose behalf this task works, and those that it starts; None for what is done for all.
acting_for: ContextVar[Tenant | None] = ContextVar("acting_for", default=None)


class _Lines:
    """Who waits: one line an app, in the order in which they are served."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, deque[asyncio.Future[None]]]] = {}

    def join(self, tenant: Tenant) -> asyncio.Future[None]:
        waiter = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tenant.namespace, {}).setdefault(tenant.app, deque()).append(waiter)
        return waiter

    def holds(self, tenant: Tenant) -> bool:
        """Whether the tenant is among those who wait."""
        line = self._lines.get(tenant.namespace, {}).get(tenant.app, ())
        return any(not waiter.done() for waiter in line)

    def next(self, may: Callable[[Tenant], bool]) -> Tenant | None:
        """Who may, and had a slot longest ago; that one is served then. None if nobody may."""
        for namespace, apps in list(self._lines.items()):
            if not may(Tenant(namespace)):
                continue
            for app, line in list(apps.items()):
                _drop_gone(line)
                if line and not may(Tenant(namespace, app)):
                    continue
                del apps[app]
                if line:
                    line.popleft().set_result(None)
                    # Those who have been served come after all others.
                    if line:
                        apps[app] = line
                    del self._lines[namespace]
                    if apps:
                        self._lines[namespace] = apps
                    return Tenant(namespace, app)
            if not apps:
                del self._lines[namespace]
        return None


def _drop_gone(line: deque[asyncio.Future[None]]) -> None:
    while line and line[0].done():
        line.popleft()


class FairQueue:
    """``slots`` at once. With ``spare`` one is always left for a namespace that has none, as long as there are more
    slots than namespaces at work. ``for_new`` of the slots are for namespaces that have none, where there are too few
    to be halved. Suspects leave a slot to others if there are two at least.
    """

    def __init__(self, slots: int, *, spare: bool = False, for_new: int = 0) -> None:
        self._free = slots
        self._spare = spare
        self._for_new = for_new
        self._of_namespace: Counter[str] = Counter()
        self._of_app: Counter[Tenant] = Counter()
        self._waiting = _Lines()
        self._suspects = _Lines()
        self._suspect_runs = False

    @contextlib.asynccontextmanager
    async def slot(self, tenant: Tenant, *, suspect: bool = False) -> AsyncIterator[None]:
        """A slot for as long as the context lasts; requests of one app are served in the order in which they came."""
        await self.take(tenant, suspect=suspect)
        try:
            yield
        finally:
            self.give_back(tenant, suspect=suspect)

    async def take(self, tenant: Tenant, *, suspect: bool = False) -> None:
        """Wait for a slot, which ``give_back`` with the same arguments ends."""
        # Whoever waits may not have it: else it would have been given to them.
        if self.has_slot(tenant) and not (suspect and self._suspect_runs):
            self._give(tenant, suspect=suspect)
            return
        waiter = (self._suspects if suspect else self._waiting).join(tenant)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.give_back(tenant, suspect=suspect)
            raise

    def give_back(self, tenant: Tenant, *, suspect: bool = False) -> None:
        self._free += 1
        _count_down(self._of_namespace, tenant.namespace)
        _count_down(self._of_app, tenant)
        self._suspect_runs &= not suspect
        while self._call(self._waiting, suspect=False):
            pass
        if not self._suspect_runs:
            self._call(self._suspects, suspect=True)

    def has_slot(self, tenant: Tenant) -> bool:
        """Whether the tenant would have a slot at once."""
        if not self._spare:
            return self._free > (self._for_new if self._of_namespace[tenant.namespace] else 0)
        return self._of_namespace[tenant.namespace] < self._free and 2 * self._of_app[tenant] < self._free

    def waits(self, tenant: Tenant) -> bool:
        """Whether the tenant waits for a slot now."""
        return self._waiting.holds(tenant) or self._suspects.holds(tenant)

    def _call(self, lines: _Lines, *, suspect: bool) -> bool:
        tenant = lines.next(self.has_slot)
        if tenant is not None:
            self._give(tenant, suspect=suspect)
        return tenant is not None

    def _give(self, tenant: Tenant, *, suspect: bool) -> None:
        self._free -= 1
        self._of_namespace[tenant.namespace] += 1
        self._of_app[tenant] += 1
        self._suspect_runs |= suspect


def _count_down(counter: Counter[Key], key: Key) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
