"""What KotsApps share, and how none of them takes it from the others: patience, places, token services."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from harness.hostile import MANIFEST, MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk, says
from harness.hostile_answers import BEHAVIOURS, GOOD_TOKEN, JSON
from harness.virtual_time import until
from kotsapp.fair_queue import NOBODY, Tenant
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.evidence import Evidence, Stage
from kotsapp.registry.limits import SHARED, Shared
from kotsapp.registry.token_throttle import TokenHosts
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict

OK = {"Content-Type": MANIFEST_TYPE}
BUSY, HONEST = Tenant("busy", "shop"), Tenant("honest", "shop")
# What is held is held for longer than any test takes, and what is free is had much sooner.
LONG, SOON = 300.0, 60.0
LARGE = MANIFEST[:-1] + b', "x": "' + b"x" * 100_000 + b'"}'


class Asking(Prober):
    """``asked`` are the requests that came to all of its registries until now."""

    servers: Sequence[HostileRegistry] = ()

    @property
    def asked(self) -> int:
        return sum(len(server.requests) for server in self.servers)


@contextlib.asynccontextmanager
async def serving(hosts: dict[str, Behaviour], shared: Shared = SHARED) -> AsyncIterator[Asking]:
    """A registry for each host, which treats every request the same."""
    async with contextlib.AsyncExitStack() as stack:
        entries, servers = [], []
        for host, behaviour in hosts.items():
            servers.append(await stack.enter_async_context(HostileRegistry({**BEHAVIOURS, "x": behaviour})))
            entries.append({"host": f"{host}.invalid", "endpoint": servers[-1].endpoint})
        prober = Asking(Registries.read({"registries": entries}, "test"), shared=shared)
        prober.servers = servers
        yield await stack.enter_async_context(prober)


async def probe(
    prober: Prober, host: str, tag: object = 1, timeout: float = 10, tenant: Tenant = NOBODY
) -> ProbeResult:
    return await prober.probe(parse(f"{host}.invalid/x/y:{tag}"), timeout=timeout, max_age=60, tenant=tenant)


async def ok(request: Request, talk: Talk) -> None:
    await talk.answer(200, OK)


async def unhurried(request: Request, talk: Talk) -> None:
    await asyncio.sleep(0.8)
    await talk.answer(200, OK)


async def silent(request: Request, talk: Talk) -> None:
    await asyncio.sleep(3600)


async def test_the_silence_of_a_short_wait_says_nothing_to_who_waits_longer() -> None:
    async with serving({"quay": unhurried}) as prober:
        at_once = await asyncio.gather(probe(prober, "quay", timeout=0.3), probe(prober, "quay"))
        for tag in range(5):
            await probe(prober, "quay", f"hasty-{tag}", timeout=0.3)
        later = await asyncio.gather(probe(prober, "quay", "hasty-1"), probe(prober, "quay", "new"))

    assert [result.verdict for result in at_once] == [Verdict.UNREACHABLE, Verdict.PUBLIC]
    assert at_once[0].elapsed < 0.7
    assert {result.verdict for result in later} == {Verdict.PUBLIC}


async def test_the_silence_of_a_long_wait_is_told_to_who_would_wait_less() -> None:
    async with serving({"quay": silent}) as prober:
        await probe(prober, "quay", timeout=0.3)
        other = await probe(prober, "quay", "other", timeout=0.2)

    assert (other.verdict, other.requests) == (Verdict.UNREACHABLE, 0)


FEW = Shared(requests=36, doubtful=24, discovery_wait=0.05)
# What one app gets of 24 places where half of those that are free are spared.
OF_DOUBTFUL = 8


async def test_silent_hosts_never_take_the_last_places() -> None:
    hosts: dict[str, Behaviour] = {f"silent-{number}": silent for number in range(8)}
    async with serving({**hosts, "quay": ok}, FEW) as prober:
        await probe(prober, "quay")
        hanging = [asyncio.create_task(probe(prober, host, tag, LONG)) for host in hosts for tag in range(8)]
        await until(lambda: prober.asked >= 1 + OF_DOUBTFUL)
        async with asyncio.timeout(SOON):
            known = await asyncio.gather(*(probe(prober, "quay", f"t{tag}") for tag in range(20)))
        for task in hanging:
            task.cancel()

    assert {result.verdict for result in known} == {Verdict.PUBLIC}


async def test_a_new_host_finds_a_place_beside_silent_ones() -> None:
    hosts: dict[str, Behaviour] = {f"silent-{number}": silent for number in range(3)}
    async with serving({**hosts, "quay": ok}, FEW) as prober:
        hanging = [asyncio.create_task(probe(prober, host, tag, LONG)) for host in hosts for tag in range(8)]
        await until(lambda: prober.asked >= 6)
        async with asyncio.timeout(SOON):
            new = await probe(prober, "quay")
        for task in hanging:
            task.cancel()

    assert new.verdict is Verdict.PUBLIC


async def test_large_manifests_of_one_host_leave_room_for_anothers() -> None:
    async def slow(request: Request, talk: Talk) -> None:
        if request.method == "HEAD":
            await talk.answer(405, head=True)
        else:
            await talk.pour(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 70_000, b"x", pause=0.1)

    async def large(request: Request, talk: Talk) -> None:
        await talk.answer(405 if request.method == "HEAD" else 200, OK, LARGE, head=request.method == "HEAD")

    async with serving({"slow": slow, "quay": large}, Shared(large_bodies=3)) as prober:
        hanging = [asyncio.create_task(probe(prober, "slow", tag, LONG, BUSY)) for tag in range(8)]
        await until(lambda: sum(request.method == "GET" for request in prober.servers[0].requests) > 3)
        result = await probe(prober, "quay", tenant=HONEST)
        for task in hanging:
            task.cancel()

    assert result.verdict is Verdict.PUBLIC


def with_realm_of(auth: HostileRegistry) -> Behaviour:
    async def behave(request: Request, talk: Talk) -> None:
        if request.authorization:
            await talk.answer(200, OK)
        else:
            await talk.challenge(f"{auth.endpoint}/token/auth/", f',service="{talk.server.port}"')

    return behave


SHARING = [f"r{number}" for number in range(4)]


@contextlib.asynccontextmanager
async def sharing(token: Behaviour, **entry: object) -> AsyncIterator[tuple[HostileRegistry, Prober]]:
    """The registries of SHARING, which all send to one token service, and that service with its own entry."""
    async with HostileRegistry({"token:auth": token}) as auth, contextlib.AsyncExitStack() as stack:
        entries: list[dict[str, object]] = [{"host": "auth.invalid", "endpoint": auth.endpoint, **entry}]
        for host in SHARING:
            server = await stack.enter_async_context(HostileRegistry({"x": with_realm_of(auth)}))
            entries.append({"host": f"{host}.invalid", "endpoint": server.endpoint})
        yield auth, await stack.enter_async_context(Prober(Registries.read({"registries": entries}, "test")))


async def test_a_token_services_limit_holds_for_all_registries_together() -> None:
    now = most = 0

    async def token(request: Request, talk: Talk) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        await talk.answer(200, JSON, GOOD_TOKEN)

    async with sharing(token, maxConcurrent=1) as (_, prober):
        results = await asyncio.gather(*(probe(prober, host) for host in SHARING))

    assert {result.verdict for result in results} == {Verdict.PUBLIC}
    assert most == 1


async def test_a_token_services_rate_limit_holds_for_all_registries() -> None:
    async with sharing(says(429, {"Retry-After": "60"})) as (auth, prober):
        results = [await probe(prober, host) for host in SHARING]
        asked = len(auth.requests)

    assert {result.verdict for result in results} == {Verdict.RATE_LIMITED}
    assert asked == 1
    assert all(result.retry_after and 50 < result.retry_after <= 100 for result in results)


async def test_waiting_for_a_token_service_is_no_fault_of_the_registry() -> None:
    async def slow(request: Request, talk: Talk) -> None:
        await asyncio.sleep(1.0)
        await talk.answer(200, JSON, GOOD_TOKEN)

    async with sharing(slow, maxConcurrent=1) as (_, prober):
        results = await asyncio.gather(*(probe(prober, host, timeout=2.5) for host in SHARING))

    late = [result for result in results if result.verdict is Verdict.PENDING]
    assert {result.host for result in late} == {"auth.invalid"}
    assert all(" s for a place" in one.message or " s of waiting for a place" in one.message for one in late)


async def test_a_success_that_was_asked_for_before_ends_no_rate_limit() -> None:
    hosts = TokenHosts(Registries.empty())
    hosts.note(Evidence(Stage.TOKEN, "auth.invalid", 429, retry_after=60.0))
    hosts.note(Evidence(Stage.TOKEN, "auth.invalid", 200))
    assert hosts.limited("auth.invalid")


async def test_a_rate_limit_stays_one_when_the_time_is_over_before_it() -> None:
    async def limited_then_silent(request: Request, talk: Talk) -> None:
        if len(talk.server.requests) > 1:
            await asyncio.sleep(3600)
        await talk.answer(429, {"Retry-After": "1"})

    async with serving({"quay": limited_then_silent}) as prober:
        result = await probe(prober, "quay", timeout=2.5)

    assert result.verdict is Verdict.RATE_LIMITED


async def test_redirects_of_head_do_not_count_for_the_get_after_it() -> None:
    async def twice(request: Request, talk: Talk) -> None:
        step = int(request.path.rpartition("/")[2])
        if step < 3:
            await talk.answer(307, {"Location": f"{talk.server.endpoint}/v2/x/y/manifests/{step + 1}"})
        elif request.method == "HEAD":
            await talk.answer(405, head=True)
        else:
            await talk.answer(200, OK, MANIFEST)

    async with serving({"quay": twice}) as prober:
        assert (await probe(prober, "quay", 1)).verdict is Verdict.PUBLIC


async def test_what_a_get_says_of_a_401_is_told() -> None:
    async def no_head(request: Request, talk: Talk) -> None:
        body = b'{"errors": [{"code": "UNAUTHORIZED"}]}'
        await talk.answer(405 if request.method == "HEAD" else 401, JSON, body, head=request.method == "HEAD")

    async with serving({"quay": no_head}) as prober:
        result = await probe(prober, "quay")

    assert (result.verdict, result.http_status, result.code) == (Verdict.PRIVATE, 401, "UNAUTHORIZED")
