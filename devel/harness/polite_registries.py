"""A registry of which tests count the requests, and a prober that asks it."""

import contextlib
from collections.abc import AsyncIterator

from harness.hostile import MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk
from harness.hostile_answers import BEHAVIOURS
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.limits import SHARED, Shared
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober

OK = {"Content-Type": MANIFEST_TYPE}


@contextlib.asynccontextmanager
async def serving(
    behaviour: Behaviour, metrics: Metrics | None = None, shared: Shared = SHARED, **entry: object
) -> AsyncIterator[tuple[HostileRegistry, Prober]]:
    """One registry that treats every request the same, known as quay.io, and a prober."""
    async with HostileRegistry({**BEHAVIOURS, "x": behaviour}) as server:
        entries = [{"host": "quay.io", "endpoint": server.endpoint, **entry}]
        async with Prober(Registries.read({"registries": entries}, "test"), metrics=metrics, shared=shared) as prober:
            yield server, prober


async def probe(
    prober: Prober, tag: str = "1", *, max_age: float = 60, refresh: bool = False, timeout: float = 5
) -> ProbeResult:
    return await prober.probe(parse(f"quay.io/x/y:{tag}"), timeout=timeout, max_age=max_age, refresh=refresh)


async def ok(request: Request, talk: Talk) -> None:
    await talk.answer(200, OK)
