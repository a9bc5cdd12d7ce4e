"""Turns at something of which there is little, shared fairly: one namespace after the other, whatever each asks for.

Who did harm before is suspect: suspects go after everybody else, and one at a time, so that a turn is always left.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class FairQueue:
    """``places`` turns at once, at least two if suspects are to leave one to the others."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._suspects: dict[str, deque[asyncio.Future[None]]] = {}
        self._suspect_runs = False

    @contextlib.asynccontextmanager
    async def turn(self, namespace: str, *, suspect: bool = False) -> AsyncIterator[None]:
        """A turn, once it is there; those of one namespace come in the order in which they asked."""
        waiting = self._suspects if suspect else self._waiting
        ready = asyncio.get_running_loop().create_future()
        waiting.setdefault(namespace, deque()).append(ready)
        self._admit()
        try:
            await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():
                self._give_back(suspect)
            else:
                ready.cancel()
            raise
        try:
            yield
        finally:
            self._give_back(suspect)

    def _give_back(self, suspect: bool) -> None:
        self._free += 1
        if suspect:
            self._suspect_runs = False
        self._admit()

    def _admit(self) -> None:
        while self._free and self._next(self._waiting):
            self._free -= 1
        if self._free and not self._suspect_runs and self._next(self._suspects):
            self._free -= 1
            self._suspect_runs = True

    @staticmethod
    def _next(waiting: dict[str, deque[asyncio.Future[None]]]) -> bool:
        """Let the next one in: of the namespace that waits the longest since its last turn."""
        while waiting:
            namespace = next(iter(waiting))
            line = waiting.pop(namespace)
            ready = line.popleft()
            if line:
                waiting[namespace] = line
            if not ready.done():
                ready.set_result(None)
                return True
        return False
