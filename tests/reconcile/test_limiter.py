"""The gate: a bound on who is at work, that whoever waits for others doesn't count against."""

import asyncio

import pytest

from kotsapp.reconcile.limiter import Gate


async def waiting_inside(gate: Gate, answer: asyncio.Event) -> asyncio.Task[None]:
    """Somebody who has got in and waits there for the answer."""
    entered = asyncio.Event()

    async def wait() -> None:
        async with gate, gate.waiting():
            entered.set()
            await answer.wait()

    task = asyncio.create_task(wait())
    await entered.wait()
    return task


async def test_who_waits_lets_others_in() -> None:
    gate, answer = Gate(1), asyncio.Event()
    waiting = await waiting_inside(gate, answer)
    async with asyncio.timeout(1), gate:
        answer.set()
    await waiting


async def test_the_bound_holds_after_somebody_was_cancelled_while_waiting_for_a_turn() -> None:
    gate, answer = Gate(1), asyncio.Event()
    waiting = await waiting_inside(gate, answer)
    async with gate:
        answer.set()
        await asyncio.sleep(0)  # it wants its turn back, and can't have it
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with gate:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), gate:
                pass
