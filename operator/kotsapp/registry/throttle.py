"""When an image is asked for: at most so many requests at once to one host, pauses that all its images share, one
deadline.

Slots are shared fairly between tenants. The wait for one counts against the question's deadline, and is reported as
what it is: no fault of the registry's.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.images.reference import Reference
from kotsapp.registry.asker import Asker
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, NoAnswer, Trouble
from kotsapp.registry.exchange import Exchange, Observer
from kotsapp.registry.host_state import HostPause, jittered
from kotsapp.registry.limits import (
    ASK_EACH_PAUSE,
    DISCOVERY_SHARE,
    DOUBTFUL_CONCURRENT,
    FOR_NEW,
    MAX_HOSTS,
    MAX_INLINE_WAIT,
    MIN_SHARED,
    PATIENCE,
    QUEUED_PAUSE,
    SHARED,
    SHORT_WAIT_SHARE,
    Shared,
)
from kotsapp.registry.puller import Puller
from kotsapp.registry.slot import Asked, Host, Slot, Terms

logger = logging.getLogger(__name__)


class Throttle:
    """Lets questions through to the Puller.

    ``ask_each``: what may be one image's own fault keeps no other from being asked, only slower, and the wait for a
    slot is not bounded. For who runs once, alone; who runs for ever comes back, and leaves a failing host alone
    meanwhile.
    """

    def __init__(
        self,
        registries: Registries,
        puller: Puller,
        observe: Observer,
        *,
        ask_each: bool = False,
        shared: Shared = SHARED,
    ) -> None:
        self._registries = registries
        self._puller = puller
        self._observe = observe
        self._ask_each = ask_each
        self._hosts: dict[str, Host] = {}
        self._discovery_wait = shared.discovery_wait
        self._backoff_base = shared.backoff_base
        self._open = FairQueue(shared.requests, spare=not ask_each)
        self._doubtful = FairQueue(shared.doubtful, spare=not ask_each)

    @contextlib.asynccontextmanager
    async def slot(self, reference: Reference, terms: Terms) -> AsyncIterator[Slot]:
        """Wait for the image's slot, which lasts as long as the context; ``ask`` once in it."""
        called = monotonic()
        host = self._host(reference.host)
        host.users += 1
        try:
            async with contextlib.AsyncExitStack() as slots:
                leading = await slots.enter_async_context(contextlib.AsyncExitStack())
                await self._discovered(host, leading, terms)
                began, late = _now(), False
                try:
                    async with asyncio.timeout(None if self._ask_each else terms.timeout * PATIENCE):
                        await self._take_slots(host, leading, terms.tenant, slots)
                except TimeoutError:
                    late = True
                waited = 0.0 if self._ask_each else _now() - began
                yield Slot(reference, terms, called, waited, late, host, leading)
        finally:
            host.users -= 1

    async def _discovered(self, host: Host, leading: contextlib.AsyncExitStack, terms: Terms) -> None:
        """One request finds out how the host greets; the others then start with a token at once."""
        if not host.known.discovered:
            await _lead(host.known.discovery, leading, min(self._discovery_wait, terms.timeout * DISCOVERY_SHARE))
            if host.known.discovered:
                await leading.aclose()

    async def _take_slots(
        self, host: Host, leading: contextlib.AsyncExitStack, tenant: Tenant, slots: contextlib.AsyncExitStack
    ) -> None:
        """A slot in each queue, or none: whoever waits in one holds up nobody in another, and leads nobody."""
        taken: FairQueue | None = None
        while True:
            queues = [queue for queue in self._queues(host, tenant.namespace) if queue is not taken]
            full = next((queue for queue in queues if not queue.has_slot(tenant)), None)
            if taken is not None and full is not None:
                taken.give_back(tenant)
            if full is None:
                break
            await leading.aclose()
            await full.take(tenant)
            taken = full
        for queue in queues:
            await queue.take(tenant)  # at once
        for queue in (*queues, *([taken] if taken is not None else ())):
            slots.callback(queue.give_back, tenant)

    def _queues(self, host: Host, namespace: str) -> list[FairQueue]:
        """Where a slot is needed: at the host, and among all requests that are open; hosts that may be silent never
        take the last ones."""
        if host.known.discovered and not host.pause.is_failing(namespace):
            return [host.slots, self._open]
        return [host.slots, host.doubtful, self._doubtful, self._open]

    async def ask(self, slot: Slot, credential: Credential | None) -> Asked:
        """Ask, within what is left of the time. Never raises for what a registry does."""
        host, timeout, namespace = slot.host, slot.left, slot.terms.tenant.namespace
        if slot.late:
            return Asked(slot.queued(slot.reference.host, slot.waited), pause=jittered(QUEUED_PAUSE))
        if self._ask_each and not host.pause.for_all(monotonic(), timeout):
            await asyncio.sleep(min(host.pause.remaining(monotonic(), namespace, timeout), ASK_EACH_PAUSE))
        started = monotonic()
        asker = Asker(slot.terms.tenant, None if self._ask_each else _now() + timeout)
        exchange = Exchange(self._observe, slot.reference.host, asker)
        outcome: Evidence | NoAnswer | None = None
        try:
            async with asyncio.timeout(timeout):
                while True:
                    wait = self._wait(host, slot)
                    again = outcome is not None
                    # Only a short rate limit is worth staying for.
                    if wait and (
                        not host.pause.is_rate_limited(monotonic()) or wait > min(MAX_INLINE_WAIT, timeout / 2)
                    ):
                        break
                    await asyncio.sleep(wait)
                    outcome = await self._answer(slot, exchange, credential)
                    self._note(slot, outcome)
                    if again or not (isinstance(outcome, Evidence) and outcome.status == 429):
                        break
        except TimeoutError:
            if outcome is None:  # else it is a rate limit, and the time was over before another answer came
                outcome = self._too_late(slot, exchange)
        now = monotonic()
        pause = host.pause.remaining(now, namespace, timeout)
        if outcome is None:
            outcome = host.pause.reason(now, namespace, timeout) or NoAnswer(
                Trouble.TIMEOUT, slot.reference.host, "is paused"
            )
            return Asked(outcome, pause=pause, paused=True)
        asked = Asked(outcome, exchange.requests, now - started, pause)
        return replace(asked, pause=jittered(QUEUED_PAUSE)) if asked.queued else asked

    @staticmethod
    def _note(slot: Slot, outcome: Evidence | NoAnswer, timeout: float = math.inf) -> None:
        host, namespace = slot.host, slot.terms.tenant.namespace
        answers, name = host.known.answered, slot.reference.host
        host.pause.note(monotonic(), outcome, name, namespace=namespace, answers=answers, timeout=timeout)

    def _too_late(self, slot: Slot, exchange: Exchange) -> NoAnswer:
        """What it means that the time was over: the host was silent, or there was no slot, or both."""
        queued = exchange.asker.queued
        exchange.asker.proceed()
        waited, asked = slot.waited + exchange.asker.waited, slot.left - exchange.asker.waited
        if queued:
            return slot.queued(exchange.host, waited)
        message = f"did not answer within {slot.left:g} s (waiting for {exchange.waiting_for})"
        silence = NoAnswer(Trouble.TIMEOUT, exchange.host, message)
        if waited > slot.terms.timeout * SHORT_WAIT_SHARE:
            silence = slot.queued(exchange.host, waited, asked)
        elif exchange.requests:
            self._note(slot, silence, slot.left)
        return silence

    async def _answer(self, slot: Slot, exchange: Exchange, credential: Credential | None) -> Evidence | NoAnswer:
        try:
            return await self._puller.ask(slot.reference, slot.host.known, exchange, credential, slot.leading)
        except NoAnswer as no_answer:
            return no_answer
        except Exception as error:  # noqa: BLE001 - a fault of ours with one answer must not take the other images along
            logger.error("asking %s failed: %s", exchange.host, type(error).__name__)
            return NoAnswer(Trouble.MALFORMED, exchange.host, f"answered what we can't read ({type(error).__name__})")

    def _wait(self, host: Host, slot: Slot) -> float:
        """Seconds of the host's pause that apply: who wants a fresh look passes a pause older than the wish, but
        never a rate limit."""
        now, namespace = monotonic(), slot.terms.tenant.namespace
        if self._ask_each and not host.pause.for_all(now, slot.left):
            return 0.0
        fresh = slot.terms.refresh and not host.pause.is_rate_limited(now)
        if fresh and host.pause.began_before(slot.called, namespace):
            return 0.0
        return host.pause.remaining(now, namespace, slot.left)

    def _host(self, name: str) -> Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= MAX_HOSTS:
                now = monotonic()
                idle = [key for key, one in self._hosts.items() if not one.users and one.pause.is_idle(now)]
                for key in idle[: MAX_HOSTS // 4]:
                    del self._hosts[key]
            slots = self._registries.max_concurrent(name)
            for_new = 0 if self._ask_each else FOR_NEW
            host = self._hosts[name] = Host(
                FairQueue(slots, for_new=for_new if slots >= MIN_SHARED else 0),
                FairQueue(DOUBTFUL_CONCURRENT + for_new, for_new=for_new),
                HostPause(self._backoff_base),
            )
        return host


async def _lead(lock: asyncio.Lock, leading: contextlib.AsyncExitStack, wait: float) -> None:
    """Take the lock until the stack is closed; after ``wait`` seconds go on without: the leader's image is slow."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await lock.acquire()
            leading.callback(lock.release)


def _now() -> float:
    """On the loop's clock."""
    return asyncio.get_running_loop().time()
