"""What one tenant's registries hold up, they hold up for nobody else; and who waits is told so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from harness.fair_registries import ATTACKER, HONEST, SIBLING, ok, once_then_silent, probe, serving, silent
from harness.hostile import Behaviour, HostileRegistry, Request, Talk
from harness.virtual_time import until
from kotsapp.fair_queue import Tenant
from kotsapp.registry.limits import Shared
from kotsapp.registry.resolver import Resolver
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Far less than what is held is held for.
SOON = 60.0
FEW = Shared(requests=24, doubtful=18, discovery_wait=0.02)
# What one app gets of 18 slots where others are spared as many as it has twice over, and of 24; and a namespace.
OF_DOUBTFUL, OF_ALL, OF_NAMESPACE = 6, 8, 12


@contextlib.contextmanager
def asking(prober: Prober, hosts: list[str], tags: int, tenant: Tenant = ATTACKER) -> Iterator[None]:
    """So many images of each host are asked for meanwhile."""
    tasks = [asyncio.create_task(probe(prober, host, tag, tenant)) for host in hosts for tag in range(tags)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def asked_of(servers: dict[str, HostileRegistry], hosts: Iterable[str]) -> int:
    """Requests that came there until now."""
    return sum(len(servers[host].requests) for host in hosts)


@pytest.mark.parametrize("tenants", [[ATTACKER], [ATTACKER, SIBLING]], ids=["one app", "two apps"])
async def test_hosts_that_answer_once_and_then_hang_leave_slots_to_other_tenants(tenants: list[Tenant]) -> None:
    hanging: dict[str, Behaviour] = {f"hanging-{number}": once_then_silent for number in range(6)}
    async with serving({**hanging, "quay": ok, "new": ok}, FEW) as (servers, prober):
        await probe(prober, "quay", "known")
        for host in hanging:
            await probe(prober, host, "first", ATTACKER)
        with contextlib.ExitStack() as at_work:
            for tenant in tenants:
                at_work.enter_context(asking(prober, list(hanging), 8, tenant))
            await until(lambda: asked_of(servers, hanging) - len(hanging) >= OF_ALL)
            async with asyncio.timeout(SOON):
                results = [await probe(prober, host, tag) for host in ("quay", "new") for tag in range(10)]
            held = asked_of(servers, hanging) - len(hanging)

    assert {result.verdict for result in results} == {Verdict.PUBLIC}
    assert OF_ALL <= held <= OF_NAMESPACE


async def test_new_hosts_that_are_silent_leave_slots_to_other_tenants_new_hosts() -> None:
    hosts: dict[str, Behaviour] = {f"silent-{number}": silent for number in range(20)}
    async with serving({**hosts, "quay": ok}, FEW) as (servers, prober):
        with asking(prober, list(hosts), 4):
            await until(lambda: asked_of(servers, hosts) >= OF_DOUBTFUL)
            async with asyncio.timeout(SOON):
                assert (await probe(prober, "quay")).verdict is Verdict.PUBLIC


async def test_an_image_for_which_another_tenant_waits_is_asked_for_in_ones_own_turn() -> None:
    hosts: dict[str, Behaviour] = {f"silent-{number}": silent for number in range(20)}
    async with serving({**hosts, "quay": ok}, FEW) as (servers, prober):
        with asking(prober, [*hosts, "quay"], 4):
            await until(lambda: asked_of(servers, hosts) >= OF_DOUBTFUL)
            assert not servers["quay"].requests
            async with asyncio.timeout(SOON):
                results = await asyncio.gather(*(probe(prober, "quay", tag) for tag in range(4)))

    assert {result.verdict for result in results} == {Verdict.PUBLIC}


async def test_tenants_that_ask_for_one_image_at_once_ask_once() -> None:
    async with serving({"quay": ok}) as (servers, prober):
        tenants = [Tenant(f"n{number}", "shop") for number in range(50)]
        results = await asyncio.gather(*(probe(prober, "quay", tenant=tenant) for tenant in tenants))
        asked = len(servers["quay"].requests)

    assert {result.verdict for result in results} == {Verdict.PUBLIC}
    assert asked == 1


async def test_turns_at_a_host_go_from_tenant_to_tenant() -> None:
    order: list[str] = []

    async def slow(request: Request, talk: Talk) -> None:
        await asyncio.sleep(0.02)
        order.append(request.path.rpartition("/")[2])
        await ok(request, talk)

    async with serving({"quay": slow}) as (_, prober):
        with asking(prober, ["quay"], 200):
            await until(lambda: order)
            before = len(order)
            await probe(prober, "quay", "mine")
    # Eight were under way, and one of each tenant follows in turn.
    assert order.index("mine") - before <= 18


async def test_who_gets_no_place_is_told_so_and_the_host_is_not_blamed() -> None:
    hosts: dict[str, Behaviour] = {f"silent-{number}": silent for number in range(20)}
    async with serving({**hosts, "quay": ok}, FEW) as (servers, prober):
        with asking(prober, list(hosts), 2):
            await until(lambda: asked_of(servers, hosts) >= OF_DOUBTFUL)
            late = await probe(prober, "quay", tenant=ATTACKER, timeout=2)
            asked = len(servers["quay"].requests)
        await asyncio.sleep(0)
        other = await probe(prober, "quay", "other")
        again = await probe(prober, "quay", timeout=2)

    assert (late.verdict, late.requests, asked) == (Verdict.PENDING, 0, 0)
    reported = r"quay\.invalid was not asked yet: waited [\d.]+ s for a place, which images of this or other apps have"
    assert re.fullmatch(reported, late.message)
    assert late.retry_after is not None and late.retry_after < 2
    assert {other.verdict, again.verdict} == {Verdict.PUBLIC}


async def test_who_waited_long_for_its_place_does_not_call_the_host_silent() -> None:
    async def hesitant(request: Request, talk: Talk) -> None:
        if not request.path.endswith("/first"):
            await asyncio.sleep(1.0 if request.path.endswith("/slow") else 3600)
        await ok(request, talk)

    async with serving({"quay": hesitant}) as (servers, prober):
        await probe(prober, "quay", "first")
        with asking(prober, ["quay"], 7):
            slow = asyncio.create_task(probe(prober, "quay", "slow"))
            await until(lambda: len(servers["quay"].requests) == 1 + 8)
            # From a tenth of its time on it has waited long, and more than all of it would be too late to ask.
            result = await probe(prober, "quay", "late", timeout=5)
            await slow

    assert result.verdict is Verdict.PENDING
    assert re.search(r"quay\.invalid did not answer within [\d.]+ s, after [\d.]+ s of waiting", result.message)


@pytest.fixture
def silent_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names that nobody answers for, as getaddrinfo has them under way."""
    silence = threading.Event()
    under_way: list[str] = []
    look_up = socket.getaddrinfo

    def answer(host: str, *args: Any, **options: Any) -> Any:
        if host.startswith("silent"):
            under_way.append(host)
            silence.wait(60)
            raise OSError("no name server answered")
        return look_up("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    yield under_way
    silence.set()


async def test_silent_names_leave_threads_to_other_tenants(silent_names: list[str]) -> None:
    async with Prober(resolver=Resolver()) as prober:
        names = [f"silent-{number}" for number in range(600)]
        with asking(prober, names, 1):
            for tenant in (SIBLING, HONEST):
                with asking(prober, names[:200], 1, tenant):
                    await until(lambda: len(silent_names) >= OF_DOUBTFUL)
                    async with asyncio.timeout(SOON):
                        found = await probe(prober, "good", tenant=Tenant("new", "shop"), timeout=SOON)
    # It was looked up, and is at an address of this machine, where nobody listens.
    assert "name does not resolve" not in found.message
    assert found.verdict is Verdict.UNREACHABLE


def test_silent_names_hold_up_not_the_end_of_the_process() -> None:
    program = """
import asyncio, socket, time
from kotsapp.registry.resolver import Resolver
under_way = []
def silent(*_, **__): under_way.append(1); time.sleep(600)
socket.getaddrinfo = silent
async def main():
    looking = [asyncio.create_task(Resolver().resolve(f"{number}.invalid", 443)) for number in range(10)]
    while len(under_way) < 10:
        await asyncio.sleep(0.01)
    for one in looking: one.cancel()
asyncio.run(main())
print("over")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr


async def test_who_gets_no_thread_is_not_called_unreachable(silent_names: list[str]) -> None:
    async with Prober(resolver=Resolver(threads=12)) as prober:
        with asking(prober, [f"silent-{number}" for number in range(40)], 1):
            await until(lambda: len(silent_names) >= 4)
            late = await probe(prober, "good", tenant=ATTACKER, timeout=0.5)
    assert len(silent_names) == 4
    assert late.verdict is Verdict.PENDING
    assert "good.invalid was not asked yet: waited " in late.message


async def test_a_name_is_looked_up_once_for_all_who_ask_at_once_and_a_while_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def answer(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    resolver = Resolver()
    found = await asyncio.gather(*(resolver.resolve("good.invalid", 443) for _ in range(8)))
    found.append(await resolver.resolve("good.invalid", 443))
    assert asked == ["good.invalid"]
    assert {one[0]["host"] for one in found} == {"127.0.0.1"}
