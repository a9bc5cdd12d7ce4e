"""One worker per KotsApp: level-triggered, single flight, woken by whatever changes."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.api.conditions import Condition, Reason, progressing, retrying
from kotsapp.kube.errors import ApiError
from kotsapp.kube.events import post
from kotsapp.names import API_VERSION, FINALIZER, KIND
from kotsapp.reconcile import events
from kotsapp.reconcile.app import App, Memory
from kotsapp.reconcile.impersonation import identity_for
from kotsapp.reconcile.reconciler import Outcome, reconcile, was_told
from kotsapp.reconcile.removal import Removal, clean_up
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.status import Report

logger = logging.getLogger(__name__)

BACKOFF_BASE, BACKOFF_MAX = 1.0, 300.0
# Most reconciliations are over, or have a better status to tell, before it is worth saying that one has begun.
QUIET = 0.5
# Changes come in bursts (a rollout touches many objects); one look a moment later sees them all.
SETTLE = 0.1
# Kopf sets the finalizer at once, as a rule.
HOLD_WAIT = 10.0
MAX_PROBLEMS = 5


@dataclass(slots=True)
class Worker:
    """The state of one app's worker. ``app`` and ``status`` are the newest that are known.

    ``certain`` is false after a write whose answer was lost: it may have been done or not.
    """

    app: App
    status: dict[str, Any]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    memory: Memory = field(default_factory=Memory)
    failures: int = 0
    certain: bool = True

    def see(self, app: App, status: Mapping[str, Any]) -> None:
        """A newer state of the resource; wakes when there is something to do about it, not for our own writes."""
        if app.version < self.app.version:
            return  # the events of a resource and of its successor of the same name come in any order
        before, self.app = self.app, app
        if before.uid != app.uid:
            self.status, self.memory = dict(status), Memory()
        if _asks_for(before) != _asks_for(app):
            self.wake.set()

    async def run(self, services: Services) -> None:
        """Reconcile now and whenever woken, until cancelled."""
        while True:
            self.wake.clear()
            if not self.app.held:
                # Deleted now, it would leave behind what was made for it; the finalizer's event wakes.
                await self._be_held(services)
                continue
            async with self.lock, services.gate:
                delay = await self._once(services)
            await self._sleep(delay)

    async def remove(self, services: Services) -> list[str]:
        """Delete everything that was applied; the problems that are left, which status tells, too."""
        async with self.lock:
            app, report = self.app, Report(self.status)
            account = app.spec.get("serviceAccountName")
            client = identity_for(app, account if isinstance(account, str) else None, services)
            try:
                removal, problems = await clean_up(app, client, services, report)
            except ApiError as error:
                removal, problems = Removal(), [str(error)]
            for event in events.of_cleanup(removal):
                await self._post(app, event, services)
            if problems:
                message = (
                    f"not everything could be deleted, tried again: {'; '.join(problems[:MAX_PROBLEMS])}. To let go of"
                    f" what is left: kubectl patch kotsapp {app.name} --namespace {app.namespace} --type=merge"
                    """ --patch '{"metadata":{"finalizers":null}}'"""
                )
                status = report.finish(retrying(Reason.CLEANUP_FAILED, message), app.generation)
                with contextlib.suppress(ApiError):
                    await self._tell(app, Outcome(status, None), services)
            else:
                await self._set_held(False, services)
            return problems

    async def look(self, services: Services) -> bool:
        """See the resource as it is now; False when it is gone."""
        try:
            live = await _live(self.app, services)
        except ApiError:
            return True
        if live is None:
            return False
        self.see(App.of(live), live.get("status") or {})
        return True

    async def _be_held(self, services: Services) -> None:
        """Wait for Kopf to set the finalizer, or set it: when its own request fails Kopf waits for another event."""
        try:
            async with asyncio.timeout(HOLD_WAIT):
                await self.wake.wait()
        except TimeoutError:
            await self._set_held(True, services)

    async def _set_held(self, held: bool, services: Services) -> None:
        """Have the finalizer there or not, while there is somebody to see; a failure is tried again by who asks."""
        app = self.app
        try:
            live = await _live(app, services)
            if live is None:
                return
            metadata = live["metadata"]
            others = [name for name in metadata.get("finalizers") or () if name != FINALIZER]
            wanted = [*others, FINALIZER] if held else others
            if wanted == metadata.get("finalizers", []) or (held and "deletionTimestamp" in metadata):
                return
            patch = {"resourceVersion": metadata["resourceVersion"], "finalizers": wanted}
            kind = await services.client.resource_type(API_VERSION, KIND)
            await services.client.merge(kind, app.name, app.namespace, {"metadata": patch})
        except ApiError as error:
            logger.warning("%s/%s: the finalizer can't be changed: %s", app.namespace, app.name, error)

    async def _once(self, services: Services) -> float | None:
        app = self.app
        try:
            if not self.certain and not await self._read_back(app, services):
                return None
            started = time.monotonic()
            outcome = await self._reconcile(app, services)
            services.metrics.reconciled(app.key, outcome.status or self.status, time.monotonic() - started)
            await self._tell(app, outcome, services)
            logger.debug("%s/%s: reconciled generation %d", app.namespace, app.name, app.generation)
        except ApiError as error:
            logger.warning("%s/%s: %s", app.namespace, app.name, error)
            return self._backoff()
        except Exception:
            # A fault of ours must neither stop other apps nor end this one's worker; what runs is left as it is.
            logger.exception("%s/%s: reconciling failed unexpectedly", app.namespace, app.name)
            message = "an internal error, see the operator's log; tried again"
            await self._try_write(
                app, Report(self.status).finish(retrying(Reason.INTERNAL_ERROR, message), app.generation), services
            )
            return self._backoff()
        if outcome.backoff:
            return self._backoff(BACKOFF_MAX if outcome.wake_after is None else outcome.wake_after)
        self.failures = 0
        return outcome.wake_after

    async def _reconcile(self, app: App, services: Services) -> Outcome:
        """Reconcile; when that takes longer than a moment, say meanwhile that it has begun."""
        report = Report(self.status)
        writing = asyncio.Lock()

        async def tell(conditions: Sequence[Condition] | None) -> None:
            async with writing:
                status = report.interim() if conditions is None else report.finish(conditions, app.generation)
                await self._write(app, status, services)
                report.before = self.status

        work = asyncio.create_task(reconcile(app, report, self.memory, services, tell))
        try:
            done, _ = await asyncio.wait({work}, timeout=QUIET)
            if not done and not was_told(app, self.status):
                await tell(progressing(f"reconciling generation {app.generation}"))
            return await work
        finally:
            work.cancel()
            # The lock is let go only when nothing is written any more.
            await asyncio.gather(work, return_exceptions=True)

    async def _tell(self, app: App, outcome: Outcome, services: Services) -> None:
        if outcome.status is None:
            return
        before = self.status
        await self._write(app, outcome.status, services)
        for event in (*outcome.told, *events.of_transition(before, outcome.status)):
            await self._post(app, event, services)

    async def _post(self, app: App, event: events.Event, services: Services) -> None:
        log = logger.warning if event.warning else logger.info
        log("%s/%s: %s: %s", app.namespace, app.name, event.reason, event.message)
        await post(services.client, app.regarding, event.reason, event.message, warning=event.warning)

    async def _try_write(self, app: App, status: dict[str, Any], services: Services) -> None:
        try:
            await self._write(app, status, services)
        except ApiError as error:
            logger.warning("%s/%s: the status can't be written: %s", app.namespace, app.name, error)

    async def _write(self, app: App, status: dict[str, Any], services: Services) -> None:
        """One patch of the whole status, and none when it is the same."""
        if status == self.status and self.certain:
            return
        kind = await services.client.resource_type(API_VERSION, KIND)
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": app.uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            await services.client.patch_status(kind, app.name, app.namespace, patch)
        except ApiError as error:
            if error.not_found or (error.status == 422 and not await self._read_back(app, services)):
                return  # deleted meanwhile, or another resource of the same name by now
            self.certain = self.certain and not error.transient
            raise
        self.status, self.certain = status, True

    async def _read_back(self, app: App, services: Services) -> bool:
        """Take the status as the API server has it; False when the resource is gone."""
        live = await _live(app, services)
        if live is None:
            return False
        self.status, self.certain = dict(live.get("status") or {}), True
        return True

    def _backoff(self, longest: float = BACKOFF_MAX) -> float:
        delay = min(BACKOFF_BASE * 2.0**self.failures, longest)
        self.failures = min(self.failures + 1, 16)
        return delay * random.uniform(0.8, 1.2)  # noqa: S311 - no secret hangs on it

    async def _sleep(self, delay: float | None) -> None:
        try:
            async with asyncio.timeout(delay):
                await self.wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE)


async def _live(app: App, services: Services) -> dict[str, Any] | None:
    """The resource as the API server has it; None when it is gone, or another one has its name. Raises ApiError."""
    kind = await services.client.resource_type(API_VERSION, KIND)
    live = await services.client.get(kind, app.name, app.namespace)
    return live if live is not None and live["metadata"]["uid"] == app.uid else None


def _asks_for(app: App) -> tuple[object, ...]:
    """What of a resource makes work for its worker."""
    return app.uid, app.generation, app.requested, app.held
