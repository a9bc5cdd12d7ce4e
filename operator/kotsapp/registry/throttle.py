"""Whose turn it is: at most so many requests at once to one host, pauses that all its images share, one deadline."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

from kotsapp.images.reference import Reference
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, NoAnswer, Trouble
from kotsapp.registry.exchange import Exchange, Observer
from kotsapp.registry.host_state import HostPause
from kotsapp.registry.limits import (
    ASK_EACH_PAUSE,
    DISCOVERY_SHARE,
    DOUBTFUL_CONCURRENT,
    MAX_CONCURRENT_DOUBTFUL,
    MAX_CONCURRENT_TOTAL,
    MAX_DISCOVERY_WAIT,
    MAX_HOSTS,
    MAX_INLINE_WAIT,
)
from kotsapp.registry.puller import HostKnowledge, Puller

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question. ``requests`` 0 and ``elapsed`` 0.0 when the host was paused and nothing was asked.

    ``pause`` is the seconds for which the host is now left alone; ``elapsed`` counts from when its turn came.
    """

    outcome: Evidence | NoAnswer
    requests: int = 0
    elapsed: float = 0.0
    pause: float = 0.0
    paused: bool = False


@dataclass(slots=True)
class _Host:
    """One registry as all its images share it."""

    slots: asyncio.Semaphore
    doubtful: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DOUBTFUL_CONCURRENT))
    pause: HostPause = field(default_factory=HostPause)
    known: HostKnowledge = field(default_factory=HostKnowledge)
    users: int = 0


class Throttle:
    """Lets questions through to the Puller.

    ``ask_each``: what may be one image's own fault keeps no other from being asked, only slower. For who runs once;
    who runs for ever comes back, and leaves a failing host alone meanwhile.
    """

    def __init__(self, registries: Registries, puller: Puller, observe: Observer, *, ask_each: bool = False) -> None:
        self._registries = registries
        self._puller = puller
        self._observe = observe
        self._ask_each = ask_each
        self._hosts: dict[str, _Host] = {}
        self._open = asyncio.Semaphore(MAX_CONCURRENT_TOTAL)
        self._doubtful = asyncio.Semaphore(MAX_CONCURRENT_DOUBTFUL)

    async def ask(self, reference: Reference, credential: Credential | None, *, timeout: float, refresh: bool) -> Asked:
        """Wait for a turn and ask; ``timeout`` seconds from then. Never raises for what a registry does."""
        called = monotonic()
        host = self._host(reference.host)
        host.users += 1
        try:
            async with host.slots, contextlib.AsyncExitStack() as leading:
                if not host.known.discovered:
                    # One request finds out how the host greets; the others then start with a token at once.
                    await _lead(host.known.discovery, leading, min(MAX_DISCOVERY_WAIT, timeout * DISCOVERY_SHARE))
                    if host.known.discovered:
                        await leading.aclose()
                async with self._place(host):
                    return await self._ask(reference, credential, host, timeout, called if refresh else None, leading)
        finally:
            host.users -= 1

    @contextlib.asynccontextmanager
    async def _place(self, host: _Host) -> AsyncIterator[None]:
        """A place among all requests that are open; hosts that may be silent never take the last ones."""
        async with contextlib.AsyncExitStack() as places:
            if not host.known.discovered or host.pause.failing:
                await places.enter_async_context(host.doubtful)
                await places.enter_async_context(self._doubtful)
            await places.enter_async_context(self._open)
            yield

    async def _ask(
        self,
        reference: Reference,
        credential: Credential | None,
        host: _Host,
        timeout: float,
        fresh: float | None,
        leading: contextlib.AsyncExitStack,
    ) -> Asked:
        if self._ask_each and not host.pause.shared:
            await asyncio.sleep(min(host.pause.remaining(monotonic(), timeout), ASK_EACH_PAUSE))
        started = monotonic()
        exchange = Exchange(self._observe, reference.host)
        outcome: Evidence | NoAnswer | None = None
        try:
            async with asyncio.timeout(timeout):
                while True:
                    wait = self._wait(host, fresh, timeout)
                    again = outcome is not None
                    # Only a short rate limit is worth staying for.
                    if wait and (not host.pause.rate_limited or wait > min(MAX_INLINE_WAIT, timeout / 2)):
                        break
                    await asyncio.sleep(wait)
                    outcome = await self._answer(reference, host, exchange, credential, leading)
                    host.pause.note(monotonic(), outcome, reference.host, answers=host.known.discovered)
                    if again or not (isinstance(outcome, Evidence) and outcome.status == 429):
                        break
        except TimeoutError:
            if outcome is None:  # else it is a rate limit, and the time was over before another answer came
                message = f"did not answer within {timeout:g} s (waiting for {exchange.waiting_for})"
                outcome = NoAnswer(Trouble.TIMEOUT, exchange.host, message)
                if exchange.requests and not exchange.queued:
                    answers = host.known.discovered
                    host.pause.note(monotonic(), outcome, reference.host, answers=answers, timeout=timeout)
        now = monotonic()
        pause = host.pause.remaining(now, timeout)
        if outcome is None:
            outcome = host.pause.reason or NoAnswer(Trouble.TIMEOUT, reference.host, "is paused")
            return Asked(outcome, pause=pause, paused=True)
        return Asked(outcome, exchange.requests, now - started, pause)

    async def _answer(
        self,
        reference: Reference,
        host: _Host,
        exchange: Exchange,
        credential: Credential | None,
        leading: contextlib.AsyncExitStack,
    ) -> Evidence | NoAnswer:
        try:
            return await self._puller.ask(reference, host.known, exchange, credential, leading)
        except NoAnswer as no_answer:
            return no_answer
        except Exception as error:  # noqa: BLE001 - a fault of ours with one answer must not take the other images along
            logger.error("asking %s failed: %s", exchange.host, type(error).__name__)
            return NoAnswer(Trouble.MALFORMED, exchange.host, f"answered what we can't read ({type(error).__name__})")

    def _wait(self, host: _Host, fresh: float | None, timeout: float) -> float:
        """Seconds of the host's pause that apply: who wants a fresh look passes a pause older than the wish, but
        never a rate limit."""
        if self._ask_each and not host.pause.shared:
            return 0.0
        if fresh is not None and not host.pause.rate_limited and host.pause.began_before(fresh):
            return 0.0
        return host.pause.remaining(monotonic(), timeout)

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= MAX_HOSTS:
                now = monotonic()
                idle = [key for key, one in self._hosts.items() if not one.users and not one.pause.remaining(now)]
                for key in idle[: MAX_HOSTS // 4]:
                    del self._hosts[key]
            host = self._hosts[name] = _Host(asyncio.Semaphore(self._registries.max_concurrent(name)))
        return host


async def _lead(lock: asyncio.Lock, leading: contextlib.AsyncExitStack, wait: float) -> None:
    """Take the lock until the stack is closed; after ``wait`` seconds go on without: the leader's image is slow."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await lock.acquire()
            leading.callback(lock.release)
