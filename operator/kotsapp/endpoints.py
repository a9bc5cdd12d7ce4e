"""What Kubernetes and Prometheus ask the operator: /healthz, /readyz, /metrics."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


class Readiness(NamedTuple):
    """Whether the operator does what it is there for, and in a few words what that is, or why not."""

    ready: bool
    said: str = "ok"


@asynccontextmanager
async def serve(
    host: str, port: int, metrics: CollectorRegistry, readiness: Callable[[], Readiness]
) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port (another one when ``port`` is 0).

    /healthz answers as long as the event loop turns, /readyz what ``readiness`` says.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        ready, said = readiness()
        return web.Response(status=200 if ready else 503, text=f"{said}\n")

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", show)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
