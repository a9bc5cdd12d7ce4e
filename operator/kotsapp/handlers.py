"""Kopf's side of the operator: events in, wake-ups out. No decision is made here."""

import asyncio
from collections.abc import Sequence
from typing import Any

import kopf

from kotsapp.backoff import Backoff
from kotsapp.login import Login
from kotsapp.names import FINALIZER, GROUP, PLURAL, VERSION
from kotsapp.reconcile.app import App
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.workers import Workers

# A worker that is to stop waits in I/O that is safe to cancel anywhere; this is for what cleans up behind it.
STOP_SECONDS = 5.0
CLEANUP_RETRY = Backoff(first=1.0, longest=60.0)
# About a minute in all, as Kopf's own, but never long deaf to an API server that is back.
ERROR_BACKOFFS = (0.5, 1.0, 2.0, 3.0, *[5.0] * 11)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Workers are level-triggered, so Kopf need not keep a copy of each spec in an annotation to find changes."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return {}

    def store(self, **_: Any) -> None:
        return None


def settings(error_backoffs: Sequence[float] = ERROR_BACKOFFS) -> kopf.OperatorSettings:
    """Kopf's settings: own names, no events of its own, nothing of an object copied into annotations."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.persistence.finalizer = FINALIZER
    chosen.persistence.diffbase_storage = _NoDiffBase()
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    chosen.background.cancellation_polling = 1.0
    chosen.queueing.exit_timeout = 1.0
    chosen.networking.request_timeout = 60.0
    chosen.networking.connect_timeout = 10.0
    chosen.networking.error_backoffs = error_backoffs
    return chosen


def register(services: Services, workers: Workers, login: Login) -> kopf.OperatorRegistry:
    """Kopf's handlers around the workers."""
    registry = kopf.OperatorRegistry()
    running: set[asyncio.Task[Any] | None] = set()

    kopf.on.login(registry=registry)(login.credentials)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def seen(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - Kopf's name
        if type == "DELETED":
            if workers.forget(App.of(body)):
                services.cache.forget_owner(App.of(body).key)
                services.metrics.forget(App.of(body).key)
        else:
            workers.see(body)

    @kopf.daemon(GROUP, VERSION, PLURAL, registry=registry, cancellation_backoff=STOP_SECONDS, cancellation_timeout=1.0)
    async def keep(body: kopf.Body, stopped: kopf.DaemonStopped, **_: Any) -> None:
        # Kopf forgets the daemon of a resource that went without its finalizer; somebody has to know it until it ends.
        this = asyncio.current_task()
        running.add(this)
        stop = asyncio.ensure_future(stopped.wait())
        work = asyncio.ensure_future(workers.see(body).run(services))
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, stop):
            task.cancel()
        await asyncio.gather(work, stop, return_exceptions=True)
        running.discard(this)
        if not work.cancelled():
            work.result()  # only a fault ends a worker; Kopf starts the daemon again after a while

    @kopf.on.delete(GROUP, VERSION, PLURAL, registry=registry)
    async def clean_up(body: kopf.Body, **_: Any) -> None:
        worker = workers.see(body)
        tries = 0
        # Not by Kopf's retries: those are requests to store, and to bring about another event, and one that fails
        # leaves the resource as it is for ever.
        while await worker.remove(services):
            tries += 1
            await asyncio.sleep(CLEANUP_RETRY.after(tries))
            if not await worker.look(services):
                return

    @kopf.on.cleanup(registry=registry)
    async def stop_watching(**_: Any) -> None:
        # Kopf takes every task that is still there for a hung one, and gives it five seconds.
        await asyncio.gather(services.cache.close(), workers.close())

    return registry
