"""Computing aside: one thread, the event loop's, does the work of all apps, and what would keep it for long is done in
another one, which gives way to it (DESIGN 6.6).

An app may have thousands of objects: going through them takes tenths of a second, for which nobody else's app would get
on and no probe be answered.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, TypeVar

from kotsapp.fair_queue import NOBODY, FairQueue, acting_for

T = TypeVar("T")

# Values that are gone through at once: that takes two milliseconds, and other threads wait for so long. An ordinary
# Deployment has 85; one ConfigMap may have tens of thousands.
FEW_VALUES = 2_000
# Seconds after which a thread that computes gives way to the loop's: each of the loop's steps may wait so long for it,
# and an app takes some hundred of them. Python's own 5 ms would be half a second for each.
GIVE_WAY = 0.001
# Seconds after which the loop's thread does what else there is, where objects must be gone through on it.
AT_ONCE = 0.002


async def paced(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a moment for everybody else in between."""
    began = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - began > AT_ONCE:
            await asyncio.sleep(0)
            began = time.perf_counter()


class Aside:
    """One computes at a time, namespace after namespace: more would wait for each other, and the loop for all."""

    def __init__(self) -> None:
        self._queue = FairQueue(1)

    async def run(self, objects: Sequence[Any], work: Callable[..., T], *arguments: Any) -> T:
        """What ``work`` of the ``arguments`` returns; it goes through the ``objects``, and touches nothing that is
        changed meanwhile. In a thread where they are not small."""
        if _are_small(objects):
            return work(*arguments)
        async with self._queue.slot(acting_for.get() or NOBODY):
            return await asyncio.to_thread(work, *arguments)


def _are_small(objects: Sequence[Any]) -> bool:
    """Whether they have few values together; it looks at no more than so many."""
    left, waiting = FEW_VALUES, list(objects[: FEW_VALUES + 1])
    while waiting:
        value = waiting.pop()
        left -= 1
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if left < len(inner):
            return False
        waiting.extend(inner)
    return left >= 0
