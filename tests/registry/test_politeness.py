"""How often, how many at once, and when again: counted by the registry that is asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from harness.hostile import MANIFEST, MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk, says
from harness.hostile_answers import BEHAVIOURS, GOOD_TOKEN, JSON
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.limits import MAX_METRIC_HOSTS
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict

OK = {"Content-Type": MANIFEST_TYPE}


@contextlib.asynccontextmanager
async def serving(
    behaviour: Behaviour, metrics: Metrics | None = None, **entry: object
) -> AsyncIterator[tuple[HostileRegistry, Prober]]:
    """One registry that treats every request the same, known as quay.io, and a prober."""
    async with HostileRegistry({**BEHAVIOURS, "x": behaviour}) as server:
        entries = [{"host": "quay.io", "endpoint": server.endpoint, **entry}]
        async with Prober(Registries.read({"registries": entries}, "test"), metrics=metrics) as prober:
            yield server, prober


async def probe(
    prober: Prober, tag: str = "1", *, max_age: float = 60, refresh: bool = False, timeout: float = 5
) -> ProbeResult:
    return await prober.probe(parse(f"quay.io/x/y:{tag}"), timeout=timeout, max_age=max_age, refresh=refresh)


async def ok(request: Request, talk: Talk) -> None:
    await talk.answer(200, OK)


async def slow_is_silent(request: Request, talk: Talk) -> None:
    if request.path.endswith("/slow"):
        await asyncio.sleep(3600)
    await talk.answer(200, OK)


async def test_one_image_asked_for_many_times_at_once_is_one_question() -> None:
    async with serving(ok) as (server, prober):
        results = await asyncio.gather(*(probe(prober) for _ in range(20)))

    assert {result.verdict for result in results} == {Verdict.PUBLIC}
    assert len(server.requests) == 1


async def test_spellings_of_one_image_are_one_question() -> None:
    async with serving(ok) as (server, prober):
        entries = [{"host": "docker.io", "endpoint": server.endpoint}]
        server.behaviours["library"] = ok
        async with Prober(Registries.read({"registries": entries}, "test")) as prober:
            images = ("busybox", "busybox:latest", "docker.io/library/busybox", "index.docker.io/busybox")
            results = [await prober.probe(parse(image), timeout=5, max_age=60) for image in images]

    assert [result.image for result in results] == list(images)
    assert [result.cached for result in results] == [False, True, True, True]
    assert [request.path for request in server.requests] == ["/v2/library/busybox/manifests/latest"]


async def test_a_fresh_verdict_is_not_asked_again_unless_somebody_wants_to_know() -> None:
    async with serving(ok) as (server, prober):
        await probe(prober)
        again = await probe(prober)
        assert (again.cached, again.requests, len(server.requests)) == (True, 0, 1)

        await probe(prober, max_age=0)
        await probe(prober, refresh=True)
        assert len(server.requests) == 3


async def test_a_waiter_that_gives_up_leaves_the_question_to_the_others() -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Request, talk: Talk) -> None:
        asked.set()
        await release.wait()
        await talk.answer(200, OK)

    async with serving(slow) as (server, prober):
        first = asyncio.create_task(probe(prober))
        second = asyncio.create_task(probe(prober))
        await asked.wait()
        first.cancel()
        release.set()

        assert (await second).verdict is Verdict.PUBLIC
        assert len(server.requests) == 1


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_at_once_than_the_file_allows(limit: int) -> None:
    now = most = answered = 0
    full = asyncio.Event()

    async def count(request: Request, talk: Talk) -> None:
        nonlocal now, most, answered
        now += 1
        most = max(most, now)
        if now == limit:
            full.set()
        if answered:  # the first one is alone: it finds out how the host greets
            async with asyncio.timeout(4):
                await full.wait()
        await asyncio.sleep(0.005)
        now -= 1
        answered += 1
        await talk.answer(200, OK)

    async with serving(count, maxConcurrent=limit) as (server, prober):
        await asyncio.gather(*(probe(prober, f"t{number}") for number in range(20)))

    assert most == limit
    assert server.connections == limit


async def test_a_rate_limit_pauses_every_image_of_the_host_and_refresh_keeps_to_it() -> None:
    async def limited(request: Request, talk: Talk) -> None:
        await talk.answer(429, {"Retry-After": "60"})

    async with serving(limited) as (server, prober):
        first = await probe(prober)
        others = await asyncio.gather(*(probe(prober, f"t{number}", refresh=True) for number in range(50)))

    assert {result.verdict for result in (first, *others)} == {Verdict.RATE_LIMITED}
    assert len(server.requests) == 1
    for result in (first, *others):
        assert result.retry_after is not None
        assert 45 < result.retry_after <= 75


async def test_a_short_rate_limit_is_waited_out() -> None:
    answers = iter([429])

    async def once_limited(request: Request, talk: Talk) -> None:
        status = next(answers, 200)
        await talk.answer(status, {"Retry-After": "1"} if status == 429 else OK)

    async with serving(once_limited) as (server, prober):
        result = await probe(prober)

    assert result.verdict is Verdict.PUBLIC
    assert len(server.requests) == 2
    assert result.elapsed >= 1.0


async def test_a_broken_host_is_left_alone_after_three_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kotsapp.registry.host_state.BACKOFF_BASE", 30.0)

    async def broken(request: Request, talk: Talk) -> None:
        await talk.answer(502)

    async with serving(broken, maxConcurrent=1) as (server, prober):
        results = await asyncio.gather(*(probe(prober, f"t{number}") for number in range(50)))

        assert {result.verdict for result in results} == {Verdict.UNREACHABLE}
        assert len(server.requests) == 3
        assert all(result.retry_after for result in results)

        # Somebody who asks for a fresh look now gets one, pause or not.
        await probe(prober, "t49", refresh=True)
        assert len(server.requests) == 4


async def test_an_undecided_image_is_not_asked_again_at_once() -> None:
    async def missing(request: Request, talk: Talk) -> None:
        await talk.answer(404)

    async with serving(missing) as (server, prober):
        first = await probe(prober, max_age=0)
        again = await probe(prober, max_age=0)

    assert (first.verdict, again.verdict) == (Verdict.NOT_FOUND, Verdict.NOT_FOUND)
    assert again.cached
    assert again.retry_after is not None
    assert 0 < again.retry_after <= 6.25
    assert len(server.requests) == 1


class TokenRegistry:
    """A registry with token auth whose tokens can be taken back."""

    def __init__(self) -> None:
        self.tokens_given = 0
        self.revoked: set[str] = set()

    async def __call__(self, request: Request, talk: Talk) -> None:
        token = request.authorization.removeprefix("Bearer ")
        if token and token not in self.revoked:
            await talk.answer(200, OK)
        else:
            extra = ',service="quay.io",scope="repository:x/y:pull"' + (',error="invalid_token"' if token else "")
            await talk.challenge(f"{talk.server.endpoint}/token/mine/", extra)

    async def token(self, _: Request, talk: Talk) -> None:
        self.tokens_given += 1
        await talk.answer(200, JSON, GOOD_TOKEN.replace(b"good-token", b"token-%d" % self.tokens_given))


async def test_a_token_that_went_stale_is_not_taken_for_a_refusal() -> None:
    registry = TokenRegistry()
    async with serving(registry) as (server, prober):
        server.behaviours["token:mine"] = registry.token
        first = await probe(prober, "1")
        registry.revoked.add("token-1")
        second = await probe(prober, "2")

    assert (first.verdict, second.verdict) == (Verdict.PUBLIC, Verdict.PUBLIC)
    assert (first.requests, second.requests) == (3, 3)  # HEAD, token, HEAD; the stale token, a new one, HEAD


async def test_many_images_of_a_new_host_make_one_401() -> None:
    registry = TokenRegistry()
    async with serving(registry) as (server, prober):
        server.behaviours["token:mine"] = registry.token
        await asyncio.gather(*(probe(prober, f"t{number}") for number in range(40)))

    anonymous = [request for request in server.requests if not request.authorization and request.path.startswith("/v2")]
    assert len(anonymous) == 1
    assert registry.tokens_given == 1
    assert len(server.requests) == 42


async def test_a_token_is_not_carried_to_another_host() -> None:
    async with HostileRegistry({"x": ok}) as other:
        registry = TokenRegistry()

        async def redirecting(request: Request, talk: Talk) -> None:
            if request.authorization:
                await talk.answer(307, {"Location": other.endpoint + request.path})
            else:
                await registry(request, talk)

        async with HostileRegistry({"x": redirecting, "token:mine": registry.token}) as server:
            entries = [
                {"host": "quay.io", "endpoint": server.endpoint},
                {"host": "cdn.quay.io", "endpoint": other.endpoint},
            ]
            async with Prober(Registries.read({"registries": entries}, "test")) as prober:
                result = await probe(prober)

    assert (result.verdict, result.host) == (Verdict.PUBLIC, "cdn.quay.io")
    assert [request.authorization for request in other.requests] == [""]


async def test_a_silent_first_image_does_not_hold_up_the_rest_of_its_host() -> None:
    async with serving(slow_is_silent) as (_, prober):
        slow = asyncio.create_task(probe(prober, "slow", timeout=4))
        await asyncio.sleep(0)
        started = monotonic()
        others = await asyncio.gather(*(probe(prober, f"t{number}", timeout=4) for number in range(20)))
        took = monotonic() - started

        assert {result.verdict for result in others} == {Verdict.PUBLIC}
        assert took < 3
        assert (await slow).verdict is Verdict.UNREACHABLE


async def test_metrics() -> None:
    collected = CollectorRegistry()

    async def limited(request: Request, talk: Talk) -> None:
        await talk.answer(429, {"Retry-After": "60", "RateLimit-Remaining": "7;w=21600"})

    async with serving(ok, Metrics(collected)) as (server, prober):
        await probe(prober, "1")
        await probe(prober, "1")
        server.behaviours["x"] = limited
        await probe(prober, "2")

    def value(name: str, **labels: str) -> float | None:
        return collected.get_sample_value(name, labels)

    assert value("kotsapp_probes_total", host="quay.io", verdict="Public") == 1
    assert value("kotsapp_probes_total", host="quay.io", verdict="RateLimited") == 1
    assert value("kotsapp_probe_duration_seconds_count", host="quay.io") == 2
    assert value("kotsapp_registry_requests_total", host="quay.io", kind="manifest_head") == 2
    assert value("kotsapp_registry_rate_limited_total", host="quay.io") == 1
    assert value("kotsapp_registry_ratelimit_remaining", host="quay.io") == 7
    assert value("kotsapp_probe_cache_hits_total", kind="verdict") == 1


def test_metrics_do_not_grow_with_the_hosts_that_manifests_name() -> None:
    collected = CollectorRegistry()
    metrics = Metrics(collected)
    for number in range(MAX_METRIC_HOSTS + 50):
        metrics.probed(f"host-{number}.example", Verdict.PUBLIC, 0.1)

    assert collected.get_sample_value("kotsapp_probes_total", {"host": "other", "verdict": "Public"}) == 50


class HttpProxy:
    """An HTTP proxy: forwards plain requests, refuses CONNECT after noting it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split("\r\n")[0])
        self.headers.append(head)
        if head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPE}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


async def test_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = HttpProxy()
    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://user:password@127.0.0.1:{port}")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "inside.invalid")
    entries = [{"host": "plain.invalid", "endpoint": "http://plain.invalid"}]
    async with Prober(Registries.read({"registries": entries}, "test")) as prober:
        plain = await prober.probe(parse("plain.invalid/x:1"), timeout=5, max_age=60)
        tunnel = await prober.probe(parse("outside.invalid/x:1"), timeout=5, max_age=60)
        inside = await prober.probe(parse("inside.invalid/x:1"), timeout=5, max_age=60)
        ours = await prober.probe(parse("169.254.169.254/x:1"), timeout=5, max_age=60)
    server.close()

    assert proxy.asked == [
        "HEAD http://plain.invalid/v2/x/manifests/1 HTTP/1.1",
        "CONNECT outside.invalid:443 HTTP/1.1",
    ]
    assert "Proxy-Authorization: Basic" in proxy.headers[0]
    assert plain.verdict is Verdict.PUBLIC
    assert (tunnel.verdict, inside.verdict, ours.verdict) == (Verdict.UNREACHABLE,) * 3
    assert "proxy" in tunnel.message
    assert "does not resolve" in inside.message
    assert "password" not in repr((plain, tunnel))


async def test_who_waited_for_the_first_answer_keeps_to_the_pause_that_it_brought() -> None:
    async def limited(request: Request, talk: Talk) -> None:
        await talk.answer(429, {"Retry-After": "60"})

    async with serving(limited) as (server, prober):
        results = await asyncio.gather(*(probe(prober, f"t{number}") for number in range(20)))

    assert {result.verdict for result in results} == {Verdict.RATE_LIMITED}
    assert len(server.requests) == 1


async def test_followers_of_a_slow_first_image_have_time_left_to_ask_themselves() -> None:
    async with serving(slow_is_silent) as (_, prober):
        slow = asyncio.create_task(probe(prober, "slow", timeout=2))
        await asyncio.sleep(0)
        others = await asyncio.gather(*(probe(prober, f"t{number}", timeout=2) for number in range(20)))
        await slow

    assert {result.verdict for result in others} == {Verdict.PUBLIC}


async def test_a_deadline_that_is_too_short_is_nobody_elses_trouble() -> None:
    async def unhurried(request: Request, talk: Talk) -> None:
        await asyncio.sleep(0.3)
        await talk.answer(200, OK)

    async with serving(unhurried) as (_, prober):
        hasty = await asyncio.gather(*(probe(prober, f"t{number}", timeout=0.1) for number in range(5)))
        patient = await asyncio.gather(*(probe(prober, f"t{number}") for number in range(5)))

    assert {result.verdict for result in hasty} <= {Verdict.UNREACHABLE, Verdict.PENDING}
    assert {result.verdict for result in patient} == {Verdict.PUBLIC}


async def test_a_realm_that_moved_is_found_again() -> None:
    registry = TokenRegistry()
    realm = "gone"

    async def moving(request: Request, talk: Talk) -> None:
        if request.authorization:
            await talk.answer(200, OK)
        else:
            await talk.challenge(f"{talk.server.endpoint}/token/{realm}/")

    async with serving(moving) as (server, prober):
        server.behaviours |= {"token:mine": registry.token, "token:gone": says(404, {}, b"")}
        before = await probe(prober, "1")
        realm = "mine"
        after = [await probe(prober, str(number)) for number in range(2, 5)]

    assert before.verdict is Verdict.ERROR
    assert {result.verdict for result in after} == {Verdict.PUBLIC}


async def test_of_two_ways_to_log_in_the_token_is_foreseen() -> None:
    async def both(request: Request, talk: Talk) -> None:
        if request.authorization:
            await talk.answer(200, OK)
        else:
            realm = f"{talk.server.endpoint}/token/mine/"
            await talk.answer(401, {"WWW-Authenticate": f'Basic realm="x", Bearer realm="{realm}",service="quay.io"'})

    registry = TokenRegistry()
    async with serving(both) as (server, prober):
        server.behaviours["token:mine"] = registry.token
        for number in range(10):
            await probe(prober, str(number))

    assert len(server.requests) == 12  # one 401, one token, a HEAD for each image


async def test_a_manifest_is_asked_for_from_the_start_where_head_does_not_tell() -> None:
    """A store behind a redirect takes what was signed for HEAD for HEAD alone."""

    async def signing(request: Request, talk: Talk) -> None:
        await talk.answer(307, {"Location": f"{talk.server.endpoint}/v2/store/{request.method}"})

    async def store(request: Request, talk: Talk) -> None:
        if request.path.endswith("/HEAD"):
            await talk.answer(405 if request.method == "HEAD" else 403, head=request.method == "HEAD")
        else:
            await talk.answer(200, OK, MANIFEST)

    async with serving(signing) as (server, prober):
        server.behaviours["store"] = store
        result = await probe(prober)

    assert result.verdict is Verdict.PUBLIC
