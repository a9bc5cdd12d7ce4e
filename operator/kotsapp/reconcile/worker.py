"""One worker per KotsApp: level-triggered, single flight, woken by whatever changes."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from kotsapp.api.conditions import Condition, Reason, progressing, retrying
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.backoff import Backoff
from kotsapp.fair_queue import acting_for
from kotsapp.kube.errors import ApiError
from kotsapp.kube.events import post
from kotsapp.reconcile import events, status
from kotsapp.reconcile.app import App
from kotsapp.reconcile.finalize import finalize
from kotsapp.reconcile.finalizer import set_finalizer
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.outcome import Outcome
from kotsapp.reconcile.reading_slot import is_decided
from kotsapp.reconcile.reconciler import Reconciler
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import LargerError, expected
from kotsapp.reconcile.status_writer import StatusWriter, live_app
from kotsapp.redact import use
from kotsapp.text import rfc3339

logger = logging.getLogger(__name__)

RETRY = Backoff(first=1.0, longest=300.0, jitter=0.2)
# Most reconciliations are over, or have a better status to write, before it is worth saying that one has begun.
QUIET = 0.5
# Changes come in bursts (a rollout touches many objects); one look a moment later sees them all.
BURST = 0.1
# Most apps are looked at in a second. Whoever waits for longer than a few wants to know for what.
ANNOUNCE_AFTER = 3.0
WAITING = (
    "waits for its turn: what apps hold in memory while they are looked at is bounded, and shared fairly between"
    " namespaces by the size of the apps"
)
# Kopf sets the finalizer at once, as a rule.
FINALIZER_WAIT = 10.0


class Worker:
    """The state of one app's worker. ``app`` is the newest that is known, ``default_account`` that of ``App.of``."""

    def __init__(self, app: App, status: Mapping[str, Any], default_account: str = "") -> None:
        self.app = app
        self._default_account = default_account
        self.wake = asyncio.Event()
        self._memory = Memory(size=expected(status))
        self._writer = StatusWriter(status, self._memory.redactor)
        self._busy = asyncio.Lock()
        self._failures = 0
        self._deletion_announced = ""

    def see(self, app: App, status: Mapping[str, Any]) -> None:
        """A newer state of the resource; wakes when there is something to do about it, not for our own writes."""
        if app.version < self.app.version:
            return  # the events of a resource and of its successor of the same name come in any order
        before, self.app = self.app, app
        if before.uid != app.uid:
            self._memory = Memory(size=expected(status))
            self._writer = StatusWriter(status, self._memory.redactor)
        if _asks_for(before) != _asks_for(app):
            self.wake.set()

    async def run(self, services: Services) -> None:
        """Reconcile now and whenever woken, until cancelled."""
        acting_for.set(self.app.tenant)
        while True:
            self.wake.clear()
            if not self.app.has_finalizer:
                # Deleted now, it would leave behind what was made for it; the finalizer's event wakes.
                await self._await_finalizer(services)
                continue
            async with self._busy, self._share(services), services.limiter.slot(self.app.tenant):
                delay = await self._once(services)
            self._memory.redactor.rest()
            await self._sleep(delay)

    async def remove(self, services: Services) -> list[str]:
        """Delete everything that was applied; the problems that are left, which status shows, too."""
        async with self._busy, services.limiter.slot(self.app.tenant):
            use(self._memory.redactor)
            acting_for.set(self.app.tenant)
            app, writer = self.app, self._writer

            async def save(_: bool) -> None:
                return None  # what is gone is missed in no later try

            ledger = Ledger(Inventory.from_status(writer.status.get("inventory") or ()), save)
            if self._deletion_announced != app.uid:
                self._deletion_announced = app.uid
                await self._post(app, events.of_deletion(len(ledger.inventory.entries)), services)
            done = await finalize(app, ledger, services)
            for event in events.of_cleanup(done.removal):
                await self._post(app, event, services)
            if not done.problems:
                await set_finalizer(app, False, services.client)
                logger.info("%s: deleted", app.key)
                return []
            found = status.Findings(conditions=tuple(retrying(Reason.CLEANUP_FAILED, done.message(app))))
            now = status.build(writer.status, found, ledger.inventory, app.generation, rfc3339())
            with contextlib.suppress(ApiError):
                await self._report(app, Outcome(now, None), writer.status, services)
            return list(done.problems)

    async def look(self, services: Services) -> bool:
        """See the resource as it is now; False when it is gone."""
        try:
            live = await live_app(self.app, services.client)
        except ApiError:
            return True
        if live is None:
            return False
        self.see(App.of(live, self._default_account), live.get("status") or {})
        return True

    async def _await_finalizer(self, services: Services) -> None:
        """Wait for Kopf to set the finalizer, or set it: when its own request fails Kopf waits for another event."""
        try:
            async with asyncio.timeout(FINALIZER_WAIT):
                await self.wake.wait()
        except TimeoutError:
            await set_finalizer(self.app, True, services.client)

    @contextlib.asynccontextmanager
    async def _share(self, services: Services) -> AsyncIterator[None]:
        """A share of memory of the app's size; whoever waits for it for long says so."""
        async with contextlib.AsyncExitStack() as stack:
            slot = services.shares.slot(self.app.tenant, self._memory.size)
            entering = asyncio.create_task(stack.enter_async_context(slot))
            try:
                done, _ = await asyncio.wait({entering}, timeout=ANNOUNCE_AFTER)
                if not done and self._writer.certain and not is_decided(self.app, self._writer.status):
                    await self._write(self.app, progressing(WAITING), services)
                await entering
            finally:
                entering.cancel()
                await asyncio.gather(entering, return_exceptions=True)
            yield

    async def _once(self, services: Services) -> float | None:
        """One reconciliation; the seconds until the next one, None to wait for a change."""
        app, writer = self.app, self._writer
        use(self._memory.redactor)
        try:
            if not writer.certain and not await writer.read_back(app, services.client):
                return None
            before, started = writer.status, time.monotonic()
            outcome = await self._reconcile(Reconciler(app, services, self._memory, writer), app)
            services.metrics.reconciled(
                app.key, outcome.status or writer.status, time.monotonic() - started, suspended=app.suspended
            )
            await self._report(app, outcome, before, services)
            logger.debug("%s: reconciled generation %d", app.key, app.generation)
        except LargerError as error:
            self._memory.size = error.size
            return 0.0
        except ApiError as error:
            services.metrics.broke("api")
            logger.warning("%s: %s", app.key, error)
            return self._backoff()
        except Exception:
            # A fault of ours must neither stop other apps nor end this one's worker; what runs is left as it is.
            services.metrics.broke("internal")
            logger.exception("%s: reconciling failed unexpectedly", app.key)
            await self._report_fault(app, services)
            return self._backoff()
        if outcome.backoff:
            return self._backoff(outcome.wake_after)
        self._failures = 0
        return outcome.wake_after

    async def _reconcile(self, reconciler: Reconciler, app: App) -> Outcome:
        """Reconcile; when that takes longer than a moment, say meanwhile that it has begun."""
        work = asyncio.create_task(reconciler.reconcile())
        try:
            done, _ = await asyncio.wait({work}, timeout=QUIET)
            if not done and not status.is_reported(app.generation, self._writer.status):
                await reconciler.announce(*progressing(f"reconciling generation {app.generation}"))
            return await work
        finally:
            work.cancel()
            # The writer's lock is let go only when nothing is written any more.
            await asyncio.gather(work, return_exceptions=True)

    async def _report(self, app: App, outcome: Outcome, before: Mapping[str, Any], services: Services) -> None:
        """Write the status, and post what became of the one ``before`` the reconciliation."""
        if outcome.status is None:
            return
        await self._writer.write(app, outcome.status, services.client)
        for event in (*outcome.events, *events.of_transition(before, outcome.status)):
            await self._post(app, event, services)

    async def _report_fault(self, app: App, services: Services) -> None:
        message = "an internal error, see the operator's log; tried again"
        await self._write(app, retrying(Reason.INTERNAL_ERROR, message), services)

    async def _write(self, app: App, conditions: Sequence[Condition], services: Services) -> None:
        """Write these conditions beside what the status says already."""
        writer = self._writer
        inventory = Inventory.from_status(writer.status.get("inventory") or ())
        found = status.Findings(conditions=tuple(conditions))
        now = status.build(writer.status, found, inventory, app.generation, rfc3339())
        try:
            await writer.write(app, now, services.client)
        except ApiError as error:
            logger.warning("%s: the status can't be written: %s", app.key, error)

    async def _post(self, app: App, event: events.Event, services: Services) -> None:
        log = logger.warning if event.warning else logger.info
        log("%s: %s: %s", app.key, event.reason, event.message)
        message = self._memory.redactor.text(event.message)
        await post(services.client, app.regarding, event.reason, message, warning=event.warning)

    def _backoff(self, longest: float | None = None) -> float:
        self._failures += 1
        return RETRY.after(self._failures, longest)

    async def _sleep(self, delay: float | None) -> None:
        try:
            async with asyncio.timeout(delay):
                await self.wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(BURST)


def _asks_for(app: App) -> tuple[object, ...]:
    """What of a resource makes work for its worker."""
    return app.uid, app.generation, app.requested, app.has_finalizer, app.render_at
