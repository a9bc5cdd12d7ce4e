"""The limiter: a bound on who is at work, that whoever waits for others doesn't count against."""

import asyncio

import pytest

from kotsapp.fair_queue import Tenant
from kotsapp.reconcile.limiter import Limiter

A, B = Tenant("a", "x"), Tenant("b", "x")


async def waiting_inside(limiter: Limiter, answer: asyncio.Event, times: int = 1) -> asyncio.Task[None]:
    """Somebody who has got in and waits there for the answer, for so many things at once."""
    entered = asyncio.Event()

    async def wait() -> None:
        async with limiter.waiting(A):
            entered.set()
            await answer.wait()

    async def work() -> None:
        async with limiter.slot(A):
            await asyncio.gather(*(wait() for _ in range(times)))

    task = asyncio.create_task(work())
    await entered.wait()
    return task


async def is_full(limiter: Limiter) -> bool:
    try:
        async with asyncio.timeout(0.05), limiter.slot(B):
            return False
    except TimeoutError:
        return True


async def test_who_waits_lets_others_in() -> None:
    limiter, answer = Limiter(1), asyncio.Event()
    waiting = await waiting_inside(limiter, answer)
    async with asyncio.timeout(1), limiter.slot(B):
        answer.set()
    await waiting


async def test_who_waits_for_several_things_lets_one_in() -> None:
    limiter, answer = Limiter(1), asyncio.Event()
    waiting = await waiting_inside(limiter, answer, times=3)
    async with limiter.slot(Tenant("c", "x")):
        assert await is_full(limiter)
    answer.set()
    await waiting
    async with limiter.slot(A):
        assert await is_full(limiter)


async def test_the_bound_holds_after_somebody_was_cancelled_while_waiting_for_a_turn() -> None:
    limiter, answer = Limiter(1), asyncio.Event()
    waiting = await waiting_inside(limiter, answer)
    async with limiter.slot(B):
        answer.set()
        await asyncio.sleep(0)  # it wants its slot back, and can't have it
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with limiter.slot(A):
        assert await is_full(limiter)


async def test_many_apps_of_one_namespace_leave_turns_to_others() -> None:
    limiter = Limiter(16)
    end = asyncio.Event()

    async def work(number: int) -> None:
        async with limiter.slot(Tenant("busy", f"app-{number}")):
            await end.wait()

    many = [asyncio.create_task(work(number)) for number in range(100)]
    await asyncio.sleep(0)
    async with asyncio.timeout(1), limiter.slot(A), limiter.slot(B):
        end.set()
    await asyncio.gather(*many)
