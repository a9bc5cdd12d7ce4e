"""Telling of an app that waits until its sources are read: readers are few, and shared fairly (DESIGN 6.6)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from kotsapp.api.conditions import READY, condition_in, progressing
from kotsapp.reconcile.app import App
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.services import Services

# Nearly every release is read in less than a second. Whoever waits for longer than a few wants to know for what.
ANNOUNCE_AFTER = 3.0
LOOK = 1.0
WAITING = (
    "waits for its turn to be read: what is read at once is shared fairly between namespaces and apps, and other"
    " releases are read now"
)
READING = "reading the release"


@asynccontextmanager
async def reading(app: App, services: Services, progress: Progress) -> AsyncIterator[None]:
    """Not at work at the API server for as long as the context lasts; Ready shows a wait for a reader's slot."""
    ended = asyncio.Event()
    announcing = asyncio.create_task(_announce_waits(app, services, progress, ended))
    try:
        async with services.limiter.waiting(app.tenant):
            yield
    finally:
        ended.set()
        # Not cancelled: the status may be written right now.
        await asyncio.gather(announcing, return_exceptions=True)


def is_decided(app: App, status: Mapping[str, Any]) -> bool:
    """Whether Ready says True or False of the app as it is: that says more than for what is waited, and must not come
    and go for a moment's sake."""
    ready = condition_in(status, READY) or {}
    return ready.get("observedGeneration") == app.generation and ready.get("status") in ("True", "False")


async def _announce_waits(app: App, services: Services, progress: Progress, ended: asyncio.Event) -> None:
    announced, pause = False, ANNOUNCE_AFTER
    while not await _is_over(ended, pause):
        pause = LOOK
        if is_decided(app, progress.before):
            continue
        if services.reader.waits(app.tenant) != announced:
            announced = not announced
            await progress.announce(*progressing(WAITING if announced else READING))


async def _is_over(ended: asyncio.Event, pause: float) -> bool:
    try:
        async with asyncio.timeout(pause):
            await ended.wait()
    except TimeoutError:
        return False
    return True
