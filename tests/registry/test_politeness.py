"""How often, how many at once, and when again: counted by the registry that is asked."""

import asyncio

import pytest

from harness.hostile import MANIFEST, Request, Talk
from harness.polite_registries import OK, ok, probe, serving
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.limits import Shared
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict


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


async def test_a_broken_host_is_left_alone_after_three_failures() -> None:
    async def broken(request: Request, talk: Talk) -> None:
        await talk.answer(502)

    async with serving(broken, shared=Shared(backoff_base=30.0), maxConcurrent=1) as (server, prober):
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


async def test_a_deadline_that_is_too_short_is_nobody_elses_trouble() -> None:
    async def unhurried(request: Request, talk: Talk) -> None:
        await asyncio.sleep(0.3)
        await talk.answer(200, OK)

    async with serving(unhurried) as (_, prober):
        hasty = await asyncio.gather(*(probe(prober, f"t{number}", timeout=0.1) for number in range(5)))
        patient = await asyncio.gather(*(probe(prober, f"t{number}") for number in range(5)))

    assert {result.verdict for result in hasty} <= {Verdict.UNREACHABLE, Verdict.PENDING}
    assert {result.verdict for result in patient} == {Verdict.PUBLIC}


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
