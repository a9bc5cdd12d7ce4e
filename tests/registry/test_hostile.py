"""What a registry may do to us: for each behaviour the right verdict, in time, bounded, and nobody else delayed."""

import asyncio
import resource
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from harness.hostile import MANIFEST, MANIFEST_TYPE, OK, HostileRegistry, raw, says
from harness.hostile_answers import BEHAVIOURS
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.limits import MAX_REQUESTS, MAX_RETRY_AFTER
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict

# Long enough for a busy machine to answer the honest half of it, short enough to wait for the others.
TIMEOUT = 2.5
PUBLIC, PRIVATE, NOT_FOUND = Verdict.PUBLIC, Verdict.PRIVATE, Verdict.NOT_FOUND
LIMITED, UNREACHABLE, ERROR = Verdict.RATE_LIMITED, Verdict.UNREACHABLE, Verdict.ERROR

EXPECTED = {
    "ok": PUBLIC,
    "http10": PUBLIC,
    "early-hints": PUBLIC,
    "endless-1xx": UNREACHABLE,
    "upgrade": ERROR,
    "silent": UNREACHABLE,
    "closes": UNREACHABLE,
    "resets": UNREACHABLE,
    "noise": UNREACHABLE,
    "http09": UNREACHABLE,
    "bad-status": UNREACHABLE,
    "big-status": UNREACHABLE,
    "endless-headers": UNREACHABLE,
    "giant-header": UNREACHABLE,
    "endless-header": UNREACHABLE,
    "slow-headers": UNREACHABLE,
    "split-header": UNREACHABLE,
    "two-lengths": UNREACHABLE,
    "negative-length": UNREACHABLE,
    "html": UNREACHABLE,
    "picture": UNREACHABLE,
    "no-json": UNREACHABLE,
    "other-json": UNREACHABLE,
    "nested-json": UNREACHABLE,
    "plain-json": PUBLIC,
    "get": PUBLIC,
    "get-501": PUBLIC,
    "get-endless": UNREACHABLE,
    "get-until-close": UNREACHABLE,
    "get-bomb": UNREACHABLE,
    "get-slow": UNREACHABLE,
    "get-truncated": UNREACHABLE,
    "get-bad-chunk": UNREACHABLE,
    "get-short": UNREACHABLE,
    "get-html": UNREACHABLE,
    "bad-request": ERROR,
    "not-acceptable": ERROR,
    "teapot": ERROR,
    "not-found": NOT_FOUND,
    "gone": ERROR,
    "error": UNREACHABLE,
    "unavailable": UNREACHABLE,
    "limited": LIMITED,
    "limited-long": LIMITED,
    "limited-odd": LIMITED,
    "forbidden": ERROR,
    "denied": PRIVATE,
    "forbidden-endless": ERROR,
    "no-challenge": PRIVATE,
    "empty-challenge": PRIVATE,
    "basic": PRIVATE,
    "digest": PRIVATE,
    "broken-challenge": PRIVATE,
    "no-realm": PRIVATE,
    "file-realm": PRIVATE,
    "relative-realm": PRIVATE,
    "blank-realm": PRIVATE,
    "bracket-realm": PRIVATE,
    "second-realm": PUBLIC,
    "user-realm": UNREACHABLE,
    "forever-401": PRIVATE,
    "new-realms": PRIVATE,
    "cookie": UNREACHABLE,
    "loop": UNREACHABLE,
    "no-location": UNREACHABLE,
    "to-port-65536": UNREACHABLE,
    "to-brackets": UNREACHABLE,
    "token-good": PUBLIC,
    "token-access": PUBLIC,
    "token-no-json": UNREACHABLE,
    "token-html": UNREACHABLE,
    "token-list": UNREACHABLE,
    "token-number": UNREACHABLE,
    "token-empty": UNREACHABLE,
    "token-injection": UNREACHABLE,
    "token-nested": UNREACHABLE,
    "token-huge": UNREACHABLE,
    "token-endless": UNREACHABLE,
    "token-bomb": UNREACHABLE,
    "token-slow": UNREACHABLE,
    "token-silent": UNREACHABLE,
    "token-redirect": UNREACHABLE,
    "token-refused": PRIVATE,
    "token-denied": PRIVATE,
    "token-not-found": ERROR,
    "token-limited": LIMITED,
    "token-broken": UNREACHABLE,
}
# These go on as long as they are let: only the deadline ends them.
UNTIL_DEADLINE = {"silent", "slow-headers", "get-slow", "token-slow", "token-silent"}


@pytest.fixture
async def server() -> AsyncIterator[HostileRegistry]:
    async with HostileRegistry(BEHAVIOURS) as server:
        yield server


@pytest.fixture
async def neighbour() -> AsyncIterator[HostileRegistry]:
    async with HostileRegistry(BEHAVIOURS) as server:
        yield server


@pytest.fixture
async def prober(server: HostileRegistry, neighbour: HostileRegistry) -> AsyncIterator[Prober]:
    entries = [
        {"host": "hostile.example.invalid", "endpoint": server.endpoint},
        {"host": "neighbour.example.invalid", "endpoint": neighbour.endpoint},
    ]
    async with Prober(Registries.read({"registries": entries}, "test")) as prober:
        yield prober


async def probe(prober: Prober, behaviour: str, tag: str = "1", host: str = "hostile") -> ProbeResult:
    return await prober.probe(parse(f"{host}.example.invalid/{behaviour}/x:{tag}"), timeout=TIMEOUT, max_age=60)


@pytest.mark.parametrize("behaviour", EXPECTED)
async def test_behaviour(prober: Prober, server: HostileRegistry, behaviour: str) -> None:
    started = monotonic()
    hostile, neighbour = await asyncio.gather(probe(prober, behaviour), probe(prober, "token-good", host="neighbour"))
    took = monotonic() - started

    assert hostile.verdict is EXPECTED[behaviour], hostile.message
    assert neighbour.verdict is PUBLIC
    assert took < 2 * TIMEOUT
    if behaviour not in UNTIL_DEADLINE:
        assert hostile.elapsed < TIMEOUT
    assert 1 <= hostile.requests <= MAX_REQUESTS
    # What the client read and what fits into the kernel's buffers; an unbounded client takes 256 MiB.
    assert server.sent < 32 * 1024 * 1024
    assert "x-injected" not in {name for request in server.requests for name in request.headers}
    assert {request.authorization for request in server.requests} <= {"", "Bearer good-token"}
    assert not {name for request in server.requests for name in request.headers} & {"cookie", "proxy-authorization"}
    assert "\n" not in hostile.message
    assert len(hostile.message) < 300


async def test_a_hostile_answer_takes_little_memory(prober: Prober) -> None:
    await probe(prober, "ok")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for behaviour in ("get-endless", "get-bomb", "endless-header", "endless-headers", "token-bomb", "nested-json"):
        await probe(prober, behaviour, tag="memory")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert grown < 48 * 1024  # KiB; the MiB that a manifest may have, some copies, and this server's own buffers


async def test_neighbours_are_not_delayed_by_a_host_that_hangs(prober: Prober) -> None:
    hanging = [asyncio.create_task(probe(prober, "silent", tag=f"t{number}")) for number in range(30)]
    await asyncio.sleep(0)
    results = await asyncio.gather(
        *(probe(prober, "token-good", tag=f"t{number}", host="neighbour") for number in range(20))
    )
    started = monotonic()
    hung = await asyncio.gather(*hanging)

    assert {result.verdict for result in results} == {PUBLIC}
    assert max(result.elapsed for result in results) < TIMEOUT
    assert {result.verdict for result in hung} == {UNREACHABLE}
    # One timeout for the whole host, not one for each image.
    assert monotonic() - started < 2 * TIMEOUT
    assert sum(result.requests for result in hung) <= 10


async def test_an_answer_sent_ahead_is_not_taken_for_the_next_question(prober: Prober, server: HostileRegistry) -> None:
    server.behaviours = {**BEHAVIOURS, "ahead": raw(OK + OK + OK, close=False)}
    await probe(prober, "ahead")

    assert (await probe(prober, "not-found")).verdict is NOT_FOUND


async def test_a_head_answer_with_a_body_is_malformed_and_spoils_no_other(
    prober: Prober, server: HostileRegistry
) -> None:
    server.behaviours = {**BEHAVIOURS, "head-body": raw(OK + MANIFEST, close=False)}

    assert (await probe(prober, "head-body")).verdict is UNREACHABLE
    assert (await probe(prober, "not-found")).verdict is NOT_FOUND


@pytest.mark.parametrize(("length", "verdict"), [(0, PUBLIC), (3, PUBLIC), (4, UNREACHABLE)])
async def test_redirects_are_followed_three_times(prober: Prober, length: int, verdict: Verdict) -> None:
    result = await prober.probe(parse(f"hostile.example.invalid/chain/n{length}:1"), timeout=TIMEOUT, max_age=60)

    assert result.verdict is verdict, result.message


async def test_another_digest_than_asked_for_is_no_answer(prober: Prober, server: HostileRegistry) -> None:
    served = "sha256:" + "1" * 64
    server.behaviours = {"other-digest": says(200, {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": served})}
    image = "hostile.example.invalid/other-digest/x@sha256:"

    other = await prober.probe(parse(image + "2" * 64), timeout=TIMEOUT, max_age=60)
    same = await prober.probe(parse(image + "1" * 64), timeout=TIMEOUT, max_age=60)

    assert (other.verdict, same.verdict) == (UNREACHABLE, PUBLIC)


async def test_a_wish_to_wait_for_ever_is_capped(prober: Prober) -> None:
    result = await probe(prober, "limited-long")

    assert result.retry_after is not None
    assert result.retry_after <= MAX_RETRY_AFTER * 1.25


@pytest.mark.parametrize(
    "image", ["a.b:99999/x:1", "a-.b:0/x:1", "[::zz]:5000/x:1", "a..b/x:1", "[]/x:1", "xn--a.com/x:1"]
)
async def test_a_host_that_is_none(prober: Prober, image: str) -> None:
    try:
        reference = parse(image)
    except ValueError:
        return  # not even a reference
    assert (await prober.probe(reference, timeout=TIMEOUT, max_age=60)).verdict is UNREACHABLE


async def test_nobody_answers(prober: Prober) -> None:
    async with HostileRegistry(BEHAVIOURS) as gone:
        endpoint = gone.endpoint
    entries = Registries.read({"registries": [{"host": "gone.example.invalid", "endpoint": endpoint}]}, "test")
    async with Prober(entries) as prober:
        refused = await prober.probe(parse("gone.example.invalid/x:1"), timeout=TIMEOUT, max_age=60)
        unknown = await prober.probe(parse("no-such-name.invalid/x:1"), timeout=5, max_age=60)

    assert (refused.verdict, unknown.verdict) == (UNREACHABLE, UNREACHABLE)
    assert "gone.example.invalid can't be reached" in refused.message
    assert "does not resolve" in unknown.message
