"""A network with a round trip: relays TCP ports, later by half a round trip each way, and by one more to connect.

    python -m probing.relay ROUND_TRIP_MS PORT...

prints the new ports, one a line, and runs until its standard input ends. It delays, it doesn't narrow: what is under
way at once stays so.
"""

import asyncio
import contextlib
import sys

LOOPBACK = "127.0.0.1"


class End(asyncio.Protocol):
    """One end of a relayed connection; what it receives is written to its peer half a round trip later."""

    def __init__(self, delay: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.delay = delay
        self.transport: asyncio.Transport | None = None
        self.peer: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.loop.call_later(self.delay, self._pass, data)

    def connection_lost(self, _: Exception | None) -> None:
        self.loop.call_later(self.delay, self._pass, b"")

    def _pass(self, data: bytes) -> None:
        if self.peer is None or self.peer.transport is None:
            return
        if data:
            self.peer.transport.write(data)
        else:
            self.peer.transport.close()


class NearEnd(End):
    """The client's end. The kernel accepts at once; a real peer's first sign of life takes a round trip."""

    def __init__(self, delay: float, port: int) -> None:
        super().__init__(delay)
        self.port = port
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.connecting = self.loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            self.early.append(data)
        else:
            super().data_received(data)

    async def _connect(self) -> None:
        await asyncio.sleep(2 * self.delay)
        far = End(self.delay)
        far.peer = self
        with contextlib.suppress(OSError):
            await self.loop.create_connection(lambda: far, LOOPBACK, self.port)
        self.peer = far
        for data in self.early:
            super().data_received(data)


async def main(round_trip: float, ports: list[int]) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    for port in ports:

        def near(port: int = port) -> NearEnd:
            return NearEnd(round_trip / 2, port)

        server = await loop.create_server(near, LOOPBACK, 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000, [int(port) for port in sys.argv[2:]]))
