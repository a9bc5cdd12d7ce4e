"""The prober: verdicts for images and checks of the proxy, politely. One for the whole operator.

What is shared between KotsApps lives here: connections, tokens, pauses, and the verdicts of anonymous probes.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp.abc import AbstractResolver

from kotsapp.fair_queue import NOBODY, Tenant
from kotsapp.images.reference import Reference
from kotsapp.registry.client import Client
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, NoAnswer, Trouble
from kotsapp.registry.guard import Guard
from kotsapp.registry.limits import MAX_CACHED_VERDICTS, SHARED, Shared
from kotsapp.registry.puller import Puller
from kotsapp.registry.slot import Slot, Terms
from kotsapp.registry.throttle import Throttle
from kotsapp.verdicts.cache import ResultCache
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.probe_result import ProbeResult, decide, decide_trouble
from kotsapp.verdicts.verification import Verification, Verified, judge, judge_trouble, shown_before

# canonical host, repository, tag or digest: what makes two references the same question
Key = tuple[str, str, str]
T = TypeVar("T")


class Prober:
    """Asks registries. Use as an async context manager; both questions never raise for what a registry does.

    ``ask_each`` is for a command that runs once: see Throttle.
    """

    def __init__(
        self,
        registries: Registries | None = None,
        *,
        metrics: Metrics | None = None,
        allow_private: bool = True,
        ask_each: bool = False,
        guard: Guard | None = None,
        resolver: AbstractResolver | None = None,
        shared: Shared = SHARED,
    ) -> None:
        registries = registries or Registries.empty()
        guard = guard or Guard(registries, allow_private=allow_private)
        self._metrics = metrics or Metrics()
        self._client = Client(guard, resolver, large_bodies=shared.large_bodies)
        puller = Puller(self._client, guard, registries)
        self._throttle = Throttle(registries, puller, self._metrics.requested, ask_each=ask_each, shared=shared)
        self._verdicts: ResultCache[Key, ProbeResult] = ResultCache(MAX_CACHED_VERDICTS)
        self._verifications: ResultCache[tuple[Key, bytes], Verification] = ResultCache(MAX_CACHED_VERDICTS)
        self._under_way: dict[object, asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.__aexit__(kind, error, trace)

    async def probe(
        self,
        reference: Reference,
        *,
        timeout: float,
        max_age: float,
        refresh: bool = False,
        tenant: Tenant = NOBODY,
    ) -> ProbeResult:
        """The verdict of an anonymous pull. Never raises for what a registry does.

        ``timeout`` (seconds) is for all requests of this image, the wait for its slot among those of its ``tenant``
        included; a decisive verdict younger than ``max_age`` (seconds) is not asked again. ``refresh`` asks in any
        case, but keeps to a rate limit's pause. Concurrent probes of one image are one.
        """
        key = _key(reference)

        def kept() -> ProbeResult | None:
            known = None if refresh else self._verdicts.fresh(key, max_age, timeout)
            if known is None:
                return None
            self._metrics.cache_hit("verdict")
            return replace(
                known[0], image=reference.written, retry_after=known[1], cached=True, requests=0, elapsed=0.0
            )

        if (result := kept()) is not None:
            return result
        question, terms = (key, timeout), Terms(timeout, refresh, tenant)
        work = partial(self._in_slot, reference, terms, question, kept, self._probe)
        # Others that wrote the image differently may have asked.
        return replace(await self._once((tenant, *question), work), image=reference.written)

    async def verify(
        self,
        reference: Reference,
        credential: Credential,
        *,
        timeout: float,
        max_age: float,
        refresh: bool = False,
        tenant: Tenant = NOBODY,
    ) -> Verification:
        """Whether the credential can pull this (already rewritten) reference; parameters as for ``probe``.

        The credential goes to its own hosts alone, and results are kept per credential.
        """
        key = (_key(reference), credential.key)

        def kept() -> Verification | None:
            known = None if refresh else self._verifications.fresh(key, max_age, timeout)
            if known is None:
                return None
            self._metrics.cache_hit("verification")
            return replace(known[0], retry_after=known[1], cached=True, requests=0, elapsed=0.0)

        terms = Terms(timeout, refresh, tenant)
        result = kept()
        if result is None:
            question, ask = (key, timeout), partial(self._verify, credential)
            result = await self._once(
                (tenant, *question), partial(self._in_slot, reference, terms, question, kept, ask)
            )
        return result

    async def _in_slot(
        self,
        reference: Reference,
        terms: Terms,
        question: object,
        kept: Callable[[], T | None],
        ask: Callable[[Slot], Coroutine[Any, Any, T]],
    ) -> T:
        """Ask in a slot of the tenant's: unless another tenant's same question was answered meanwhile, and together
        with one that is being asked. Nobody waits for another tenant's slot."""
        async with self._throttle.slot(reference, terms) as slot:
            if slot.late:
                return await ask(slot)
            known = kept()
            return known if known is not None else await self._once(question, partial(ask, slot))

    async def _once(self, key: object, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Join the same question when it is under way. A waiter that gives up doesn't take it from the others."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        found: T = await asyncio.shield(task)
        return found

    async def _probe(self, slot: Slot) -> ProbeResult:
        asked, reference, timeout = await self._throttle.ask(slot, None), slot.reference, slot.left
        outcome = asked.outcome
        if isinstance(outcome, NoAnswer):
            decision, status, code = decide_trouble(outcome), None, None
        else:
            decision, status, code = decide(outcome), outcome.status, outcome.code
        result = ProbeResult(
            image=reference.written,
            verdict=decision.verdict,
            message=decision.message,
            http_status=status,
            code=code,
            host=outcome.host,
            requests=asked.requests,
            elapsed=asked.elapsed,
        )
        if asked.paused:
            return replace(result, retry_after=asked.pause)
        self._metrics.probed(reference.host, result.verdict, asked.elapsed)
        if asked.queued:
            return replace(result, retry_after=asked.pause)
        wait = self._verdicts.keep(
            _key(reference),
            result,
            decisive=result.verdict.decisive,
            wait=asked.pause,
            waited=_waited(outcome, timeout),
        )
        return replace(result, retry_after=wait)

    async def _verify(self, credential: Credential, slot: Slot) -> Verification:
        asked, reference, timeout = await self._throttle.ask(slot, credential), slot.reference, slot.left
        outcome = asked.outcome
        key = (_key(reference), credential.key)
        result = judge_trouble(outcome) if isinstance(outcome, NoAnswer) else judge(outcome)
        certain = result.verified is not Verified.UNKNOWN
        before = self._verifications.last(key)
        if not certain and before is not None and before.verified is Verified.TRUE:
            result = shown_before(result)
        if asked.paused:
            return replace(result, retry_after=asked.pause)
        result = replace(result, requests=asked.requests, elapsed=asked.elapsed)
        self._metrics.verified(reference.host, str(result.verified))
        if asked.queued:
            return replace(result, retry_after=asked.pause)
        wait = self._verifications.keep(
            key,
            result,
            decisive=certain and result.verified is Verified.TRUE,
            wait=asked.pause,
            waited=_waited(outcome, timeout),
        )
        return replace(result, retry_after=wait)


def _key(reference: Reference) -> Key:
    return reference.host, reference.repository, reference.target


def _waited(outcome: Evidence | NoAnswer, timeout: float) -> float:
    return timeout if isinstance(outcome, NoAnswer) and outcome.trouble is Trouble.TIMEOUT else math.inf
