"""How many reconciliations are at work at once: those that wait for somebody else's machine don't count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Limiter:
    """Use as an async context manager for the time at work; ``waiting`` inside of it lets others have their turn."""

    def __init__(self, limit: int) -> None:
        self._turns = asyncio.Semaphore(limit)
        # Throttle that were let go of and not taken back, because their holder was cancelled while it waited for one.
        self._not_taken_back = 0

    async def __aenter__(self) -> None:
        await self._turns.acquire()

    async def __aexit__(self, *_: object) -> None:
        if self._not_taken_back:
            self._not_taken_back -= 1
        else:
            self._turns.release()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Outside for a while: a registry, a finalizer or a hook may take minutes to answer."""
        self._turns.release()
        try:
            yield
        finally:
            try:
                await self._turns.acquire()
            except asyncio.CancelledError:
                self._not_taken_back += 1
                raise
