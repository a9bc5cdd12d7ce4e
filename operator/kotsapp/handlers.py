"""Kopf's side of the operator: events in, wake-ups out. No decision is made here."""

import asyncio
from collections.abc import Mapping
from typing import Any

import kopf

from kotsapp.apply.cache import Owner
from kotsapp.login import Login
from kotsapp.names import FINALIZER, GROUP, PLURAL, VERSION
from kotsapp.reconcile.app import App
from kotsapp.reconcile.reference_watch import ReferenceWatch
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.worker import Worker

# A worker that is told to stop waits in I/O that is safe to cancel anywhere; this is for what cleans up behind it.
STOP_SECONDS = 5.0
MAX_CLEANUP_RETRY = 60.0


class Workers:
    """The workers of all apps, and who is to be woken by which Secret or ConfigMap."""

    def __init__(self) -> None:
        self._workers: dict[Owner, Worker] = {}
        self._references: dict[Owner, frozenset[tuple[str, str]]] = {}
        self._watch: ReferenceWatch | None = None

    def __len__(self) -> int:
        return len(self._workers)

    def versions(self) -> dict[str, int]:
        """The resourceVersion that is known of each app, by its uid."""
        return {worker.app.uid: worker.app.version for worker in self._workers.values()}

    def watch_with(self, watch: ReferenceWatch) -> None:
        self._watch = watch

    def see(self, body: Mapping[str, Any]) -> Worker:
        """The app's worker, told of this newest state."""
        app, status = App.of(body), body.get("status") or {}
        worker = self._workers.get(app.key)
        if worker is None:
            worker = self._workers[app.key] = Worker(app, dict(status))
        else:
            worker.see(app, status)
        return worker

    def forget(self, app: App) -> bool:
        """The resource is gone; False when another of its name was seen already."""
        key = app.key
        known = self._workers.get(key)
        if known is not None and known.app.uid != app.uid:
            return False
        self._workers.pop(key, None)
        self._references.pop(key, None)
        if self._watch is not None and not any(namespace == key[0] for namespace, _ in self._workers):
            self._watch.unfollow(key[0])
        return True

    def wake(self, key: Owner) -> None:
        worker = self._workers.get(key)
        if worker is not None:
            worker.wake.set()

    def wake_users(self, kind: str, namespace: str, name: str) -> None:
        """A Secret or ConfigMap changed."""
        for key, references in self._references.items():
            if key[0] == namespace and (kind, name) in references:
                self.wake(key)

    def wake_namespace(self, kind: str, namespace: str) -> None:
        """Any Secret or ConfigMap of the namespace may have changed."""
        for key, references in self._references.items():
            if key[0] == namespace and any(kind == referenced for referenced, _ in references):
                self.wake(key)

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            await self._watch.close()

    async def follow(self, app: App, references: frozenset[tuple[str, str]]) -> None:
        """From when this returns, a change of one of the references wakes the app."""
        if self._watch is None:
            raise RuntimeError("the watch of references is not set")
        self._references[app.key] = references
        await asyncio.gather(*(self._watch.follow(kind, app.namespace) for kind in {kind for kind, _ in references}))


class _NoDiffBase(kopf.DiffBaseStorage):
    """Workers are level-triggered, so Kopf need not keep a copy of each spec in an annotation to tell changes."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return {}

    def store(self, **_: Any) -> None:
        return None


def settings() -> kopf.OperatorSettings:
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
    # About a minute in all, as Kopf's own, but never long deaf to an API server that is back.
    chosen.networking.error_backoffs = (0.5, 1, 2, 3, *[5] * 11)
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
                services.owned.forget_owner(App.of(body).key)
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
            await asyncio.sleep(min(2.0**tries, MAX_CLEANUP_RETRY))
            tries = min(tries + 1, 16)
            if not await worker.look(services):
                return

    @kopf.on.cleanup(registry=registry)
    async def stop_watching(**_: Any) -> None:
        # Kopf takes every task that is still there for a hung one, and gives it five seconds.
        await asyncio.gather(services.owned.close(), workers.close())

    return registry
