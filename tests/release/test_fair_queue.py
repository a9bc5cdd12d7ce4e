"""Turns are shared by namespace, and whoever did harm before comes last."""

from __future__ import annotations

import asyncio

import pytest

from kotsapp.release.fair_queue import FairQueue


class Asker:
    """Takes turns that end when they are told to, and keeps the order in which they came."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self.order: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, namespace: str, *, suspect: bool = False) -> None:
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._take(name, namespace, suspect))
        await settled()

    async def _take(self, name: str, namespace: str, suspect: bool) -> None:
        async with self._queue.turn(namespace, suspect=suspect):
            self.order.append(name)
            await self.ends[name].wait()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_of_one_namespace_hold_up_no_other() -> None:
    asker = Asker(FairQueue(1))
    for n in range(4):
        await asker.ask(f"a{n}", "a")
    await asker.ask("b0", "b")
    await asker.ask("c0", "c")
    for name in ("a0", "a1", "b0", "c0", "a2", "a3"):
        await asker.end(name)
    assert asker.order == ["a0", "a1", "b0", "c0", "a2", "a3"]


async def test_places_are_taken_at_once() -> None:
    asker = Asker(FairQueue(2))
    for n in range(3):
        await asker.ask(f"a{n}", "a")
    assert asker.order == ["a0", "a1"]
    await asker.end("a1")
    assert asker.order == ["a0", "a1", "a2"]


async def test_suspects_come_after_all_others_and_leave_a_place() -> None:
    asker = Asker(FairQueue(2))
    for n in range(3):
        await asker.ask(f"bad{n}", f"x{n}", suspect=True)
    assert asker.order == ["bad0"]
    await asker.ask("good0", "a")
    await asker.ask("good1", "a")
    assert asker.order == ["bad0", "good0"]
    await asker.end("bad0")
    assert asker.order == ["bad0", "good0", "good1"]
    await asker.end("good0")
    assert asker.order == ["bad0", "good0", "good1", "bad1"]


@pytest.mark.parametrize("suspect", [False, True])
async def test_who_stops_waiting_takes_no_turn(suspect: bool) -> None:
    asker = Asker(FairQueue(1))
    await asker.ask("a", "a")
    await asker.ask("b", "b", suspect=suspect)
    await asker.ask("c", "c", suspect=suspect)
    asker.tasks["b"].cancel()
    await asker.end("a")
    assert asker.order == ["a", "c"]
    await asker.end("c")
    await asker.ask("d", "d", suspect=suspect)
    assert asker.order == ["a", "c", "d"]


@pytest.mark.parametrize("suspect", [False, True])
async def test_who_is_cancelled_as_its_turn_comes_gives_it_back(suspect: bool) -> None:
    asker = Asker(FairQueue(1))
    await asker.ask("a", "a")
    await asker.ask("b", "b", suspect=suspect)
    asker.ends["a"].set()
    asker.tasks["a"].cancel()
    await asyncio.sleep(0)
    asker.tasks["b"].cancel()
    await settled()
    await asker.ask("c", "c", suspect=suspect)
    assert asker.order[-1] == "c"
