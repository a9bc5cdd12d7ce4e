"""Computing aside: one thread, the event loop's, does the work of all apps, and what would keep it for long is done in
another one, which gives way to it (DESIGN 6.6).

An app may have thousands of objects: going through them takes tenths of a second, for which nobody else's app would get
on and no probe be answered.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from kotsapp.fair_queue import NOBODY, FairQueue, acting_for

T = TypeVar("T")

# Objects that are gone through at once: that takes two milliseconds, and other threads wait for so long.
FEW = 25
# Seconds after which a thread that computes gives way to the loop's: each of the loop's steps may wait so long for it,
# and an app takes some hundred of them. Python's own 5 ms would be half a second for each.
GIVE_WAY = 0.001


# Objects after which the loop's thread does what else there is, where they must be gone through on it.
AT_ONCE = 100


async def paced(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a moment for everybody else in between."""
    for number, item in enumerate(items, 1):
        yield item
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)


class Aside:
    """One computes at a time, namespace after namespace: more would wait for each other, and the loop for all."""

    def __init__(self) -> None:
        self._queue = FairQueue(1)

    async def run(self, size: int, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work`` of the ``arguments`` returns; it goes through ``size`` objects, and touches nothing that is
        changed meanwhile. In a thread where they are not few."""
        if size <= FEW:
            return work(*arguments)
        async with self._queue.slot(acting_for.get() or NOBODY):
            return await asyncio.to_thread(work, *arguments)
