"""The first image of a host finds out how the host greets: the others wait for that, but not for ever."""

import asyncio
from time import monotonic

from harness.hostile import Request, Talk
from harness.polite_registries import OK, probe, serving
from kotsapp.verdicts.verdict import Verdict


async def slow_is_silent(request: Request, talk: Talk) -> None:
    if request.path.endswith("/slow"):
        await asyncio.sleep(3600)
    await talk.answer(200, OK)


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
