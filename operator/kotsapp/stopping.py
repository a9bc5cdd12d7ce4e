"""Being asked to end, at whatever moment: a signal counts while the operator connects, waits, works or begins anew."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppedError(Exception):
    """The process was asked to end before the work was done, which was cancelled."""


class Stopping:
    """Whether this process was asked to end."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self._over: asyncio.Event | None = None

    def listen(self, over: asyncio.Event | None = None) -> None:
        """Take the signals, again where others took them for themselves. ``over`` is set, too, when one comes."""
        self._over = over
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._request)
        if over is not None and self.requested.is_set():
            over.set()

    def _request(self) -> None:
        self.requested.set()
        if self._over is not None:
            self._over.set()
        # Whoever presses Ctrl-C twice doesn't want to wait.
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    async def unless(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to; raises StoppedError, with the work cancelled, when asked to end before."""
        working, requested = asyncio.ensure_future(work), asyncio.ensure_future(self.requested.wait())
        try:
            await asyncio.wait((working, requested), return_when=asyncio.FIRST_COMPLETED)
            if self.requested.is_set():
                raise StoppedError
            return working.result()
        finally:
            for task in (working, requested):
                task.cancel()
            await asyncio.gather(working, requested, return_exceptions=True)
