"""Until when an operator may write: a leader that can't be sure of its Lease any more begins no write (DESIGN 11)."""

import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import aiohttp

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def steady_clock() -> float:
    """Seconds that nobody sets, and that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def fenced_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket that is reset as it is closed: what was not sent by then is never sent.

    Else a write that was given up would wait here for a network that is whole again, when another replica leads.
    """
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return made


class FencedError(aiohttp.ClientConnectionError):
    """A write that was not begun. A connection's error: Kopf takes it for one, and does not end of it."""

    def __init__(self) -> None:
        super().__init__("this operator does not lead, and so writes nothing")


class Fence:
    """Closed as it is made, open until the time that it was last extended to, and for good once it was shut."""

    def __init__(self, clock: Callable[[], float] = steady_clock) -> None:
        self.until = float("-inf")
        self._clock = clock
        self._shut = False

    def extend(self, until: float) -> None:
        """Writes may be begun before ``until``, by the fence's clock. A fence that is shut stays so."""
        if not self._shut:
            self.until = until

    def shut(self) -> None:
        """Whatever is still at work with this fence writes nothing more."""
        self._shut = True
        self.until = float("-inf")

    @property
    def seconds(self) -> float:
        """For how long writes may still be begun, and have to be answered; 0 when none may."""
        return max(self.until - self._clock(), 0.0)


class FencedRequest(aiohttp.ClientRequest):
    """Looks at the fence once more as its bytes are about to go: the process may have been stopped on the way to here.

    Nothing else does: after a stop the loop first carries on with what was ready before, then sees that time is over.
    """

    fence: Fence | None = None  # that of the connection that makes the request, for a write

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """Headers wait for the body's first bytes, so that what is kept back here is the whole request."""
        if self.fence is None or self.fence.seconds:
            await super().write_bytes(writer, conn, content_length)
        else:
            conn.close()
