"""The limiter: a bound on who is at work, that whoever waits for others doesn't count against."""

import asyncio

import pytest

from kotsapp.reconcile.limiter import Limiter


async def waiting_inside(limiter: Limiter, answer: asyncio.Event) -> asyncio.Task[None]:
    """Somebody who has got in and waits there for the answer."""
    entered = asyncio.Event()

    async def wait() -> None:
        async with limiter, limiter.waiting():
            entered.set()
            await answer.wait()

    task = asyncio.create_task(wait())
    await entered.wait()
    return task


async def test_who_waits_lets_others_in() -> None:
    limiter, answer = Limiter(1), asyncio.Event()
    waiting = await waiting_inside(limiter, answer)
    async with asyncio.timeout(1), limiter:
        answer.set()
    await waiting


async def test_the_bound_holds_after_somebody_was_cancelled_while_waiting_for_a_turn() -> None:
    limiter, answer = Limiter(1), asyncio.Event()
    waiting = await waiting_inside(limiter, answer)
    async with limiter:
        answer.set()
        await asyncio.sleep(0)  # it wants its turn back, and can't have it
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with limiter:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), limiter:
                pass
