"""Registries on loopback that hold whoever asks, a prober that asks them, and tenants for whom it does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from harness.hostile import MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk
from harness.hostile_answers import BEHAVIOURS
from kotsapp.fair_queue import Tenant
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.limits import SHARED, Shared
from kotsapp.verdicts.prober import Prober

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kotsapp.verdicts.probe_result import ProbeResult

ATTACKER, SIBLING, HONEST = Tenant("attacker", "shop"), Tenant("attacker", "other"), Tenant("honest", "shop")
# Longer than any test: what is held is held.
LONG = 300.0


async def ok(request: Request, talk: Talk) -> None:
    await talk.answer(200, {"Content-Type": MANIFEST_TYPE})


async def silent(request: Request, talk: Talk) -> None:
    await asyncio.sleep(3600)


async def once_then_silent(request: Request, talk: Talk) -> None:
    if len({one.path for one in talk.server.requests}) > 1:
        await asyncio.sleep(3600)
    await ok(request, talk)


@contextlib.asynccontextmanager
async def serving(
    hosts: dict[str, Behaviour], shared: Shared = SHARED
) -> AsyncIterator[tuple[dict[str, HostileRegistry], Prober]]:
    """A registry for each host, which treats every request the same."""
    async with contextlib.AsyncExitStack() as stack:
        servers = {}
        for host, behaviour in hosts.items():
            servers[host] = await stack.enter_async_context(HostileRegistry({**BEHAVIOURS, "x": behaviour}))
        entries = [{"host": f"{host}.invalid", "endpoint": server.endpoint} for host, server in servers.items()]
        prober = Prober(Registries.read({"registries": entries}, "test"), shared=shared)
        yield servers, await stack.enter_async_context(prober)


async def probe(
    prober: Prober, host: str, tag: object = 1, tenant: Tenant = HONEST, timeout: float = LONG
) -> ProbeResult:
    return await prober.probe(parse(f"{host}.invalid/x/y:{tag}"), timeout=timeout, max_age=60, tenant=tenant)
