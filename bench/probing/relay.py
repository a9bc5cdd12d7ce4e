"""A network with a round trip: relays TCP ports, later by half a round trip each way, and by one more to connect.

    python -m probing.relay ROUND_TRIP_MS PORT...

prints the new ports, one a line, and runs until its standard input ends.
"""

import asyncio
import contextlib
import sys
from collections import deque

LOOPBACK = "127.0.0.1"


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass bytes on, each so much later; what is under way at once stays so: this is delay, not bandwidth."""
    loop = asyncio.get_running_loop()
    waiting: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()

    async def deliver() -> None:
        while True:
            while not waiting:
                arrived.clear()
                await arrived.wait()
            due, data = waiting.popleft()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivering = asyncio.create_task(deliver())
    with contextlib.suppress(OSError):
        while True:
            data = await reader.read(65536)
            waiting.append((loop.time() + delay, data))
            arrived.set()
            if not data:
                break
    with contextlib.suppress(OSError):
        await delivering


async def main(round_trip: float, ports: list[int]) -> None:
    """Serve until standard input ends."""
    servers = []
    for port in ports:

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
            # The kernel accepts at once; a real peer's answer to the first packet takes a round trip.
            await asyncio.sleep(round_trip)
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
                with contextlib.suppress(asyncio.CancelledError):  # the end of the bench
                    await asyncio.gather(
                        _carry(reader, far_writer, round_trip / 2), _carry(far_reader, writer, round_trip / 2)
                    )

        server = await asyncio.start_server(relay, LOOPBACK, 0, backlog=1024)
        servers.append(server)
        print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000, [int(port) for port in sys.argv[2:]]))
