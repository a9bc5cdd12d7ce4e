"""Places are shared by namespace and by app, and whoever did harm before comes last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from harness.virtual_time import in_virtual_time
from kotsapp.fair_queue import FairQueue, Tenant


@dataclass
class Askers:
    """Take slots, each for so many seconds of the loop's clock, and note when they had them.

    Their names are ``namespace/app`` with a number behind it.
    """

    queue: FairQueue
    came: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    at_once: int = 0
    most: int = 0

    async def ask(self, *names: str, seconds: float = 1.0, suspect: bool = False) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(self._take(name, seconds, suspect))
        await asyncio.sleep(0.001)

    async def _take(self, name: str, seconds: float, suspect: bool) -> None:
        namespace, _, app = name.rstrip("0123456789").partition("/")
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self.queue.slot(Tenant(namespace, app), suspect=suspect):
            self.came[name] = round(loop.time() - began)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.at_once -= 1

    async def end(self) -> list[str]:
        """All names, in the order in which they came."""
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return list(self.came)


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


ORDERS = {
    "first come, first served within an app": (["a/x0", "a/x1", "a/x2"], ["a/x0", "a/x1", "a/x2"]),
    "namespace after namespace": (
        [*numbered("a/x", 4), "b/x0", "c/x0"],
        ["a/x0", "a/x1", "b/x0", "c/x0", "a/x2", "a/x3"],
    ),
    "app after app in one namespace": (
        [*numbered("a/x", 3), "a/y0", "a/z0", "a/z1"],
        ["a/x0", "a/x1", "a/y0", "a/z0", "a/x2", "a/z1"],
    ),
    "many apps of one namespace are one namespace": (
        ["a/x0", "a/y0", "a/z0", "b/x0", "b/x1"],
        ["a/x0", "a/y0", "b/x0", "a/z0", "b/x1"],
    ),
}


@pytest.mark.parametrize("case", ORDERS)
def test_turns_go_round(case: str) -> None:
    asked, came = ORDERS[case]

    @in_virtual_time
    async def run() -> None:
        askers = Askers(FairQueue(1))
        await askers.ask(*asked)
        assert await askers.end() == came
        assert askers.most == 1

    run()


# Places, who holds some for an hour, who comes then, and for whom there is a place at once.
SPARED = {
    "alone, an app has a third": (9, {"a/x": 9}, "a/x", False, 3),
    "alone, a namespace has half": (8, {"a/x": 8, "a/y": 8, "a/z": 8}, "a/w", False, 4),
    "another namespace finds one": (9, {"a/x": 9, "a/y": 9}, "b/x", True, 5),
    "and the next one, too": (9, {"a/x": 9, "a/y": 9, "b/x": 9}, "c/x", True, 7),
    "another app finds one while its namespace has few": (9, {"a/x": 9}, "a/y", True, 3),
    "of two slots a namespace has one": (2, {"a/x": 2}, "a/y", False, 1),
    "of two the other namespace has the other": (2, {"a/x": 2}, "b/x", True, 1),
    "one place is for whoever comes first": (1, {"a/x": 2}, "b/x", False, 1),
}


@pytest.mark.parametrize("case", SPARED)
def test_a_place_is_spared_for_who_has_none(case: str) -> None:
    slots, held, newcomer, at_once, taken = SPARED[case]

    @in_virtual_time
    async def run() -> None:
        queue = FairQueue(slots, spare=True)
        askers = Askers(queue)
        for name, count in held.items():
            await askers.ask(*numbered(name, count), seconds=3600)
        assert askers.at_once == taken
        assert queue.has_slot(Tenant(*newcomer.split("/"))) is at_once
        await askers.ask(f"{newcomer}99")
        assert (f"{newcomer}99" in askers.came) is at_once
        for task in askers.tasks.values():
            task.cancel()
        await askers.end()

    run()


@in_virtual_time
async def test_a_place_is_left_for_a_namespace_that_has_none() -> None:
    askers = Askers(FairQueue(4, for_new=1))
    await askers.ask(*numbered("a/x", 9), *numbered("a/y", 9), seconds=10)
    assert askers.at_once == 3
    await askers.ask("b/x0", "b/x1", "c/x0", seconds=4)
    assert askers.at_once == 4
    await askers.end()
    assert (askers.came["b/x0"], askers.came["b/x1"], askers.came["c/x0"]) == (0, 4, 8)


@in_virtual_time
async def test_without_sparing_one_tenant_has_all_places() -> None:
    askers = Askers(FairQueue(8))
    await askers.ask(*numbered("a/x", 20))
    assert askers.at_once == 8
    await askers.end()
    assert askers.most == 8


@in_virtual_time
async def test_who_comes_after_a_hundred_of_another_namespace_waits_for_two_of_them() -> None:
    askers = Askers(FairQueue(1))
    await askers.ask(*numbered("a/x", 100))
    await askers.ask("b/x0")
    await askers.end()
    assert askers.came["b/x0"] == 2


@in_virtual_time
async def test_suspects_come_after_all_others_and_leave_a_place() -> None:
    askers = Askers(FairQueue(2))
    await askers.ask("x/a0", "y/a0", "z/a0", seconds=10, suspect=True)
    assert list(askers.came) == ["x/a0"]
    await askers.ask("a/a0", "b/a0", "c/a0")
    assert await askers.end() == ["x/a0", "a/a0", "b/a0", "c/a0", "y/a0", "z/a0"]


@pytest.mark.parametrize("suspect", [False, True])
def test_who_stops_waiting_takes_no_turn(suspect: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        askers = Askers(FairQueue(1))
        await askers.ask("a/a0")
        await askers.ask("b/b0", "b/b1", "c/c0", suspect=suspect)
        askers.tasks["b/b0"].cancel()
        assert await askers.end() == ["a/a0", "b/b1", "c/c0"]
        await askers.ask("d/d0", suspect=suspect)
        assert "d/d0" in await askers.end()

    run()


@pytest.mark.parametrize("suspect", [False, True])
@pytest.mark.parametrize("spare", [False, True])
def test_who_is_cancelled_as_its_turn_comes_gives_it_back(suspect: bool, spare: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        askers = Askers(FairQueue(1, spare=spare))
        await askers.ask("a/a0", seconds=3600)
        await askers.ask("b/b0", suspect=suspect)
        askers.tasks["a/a0"].cancel()
        await asyncio.sleep(0)
        askers.tasks["b/b0"].cancel()
        await asyncio.sleep(0.001)
        await askers.ask("c/c0", suspect=suspect)
        assert (await askers.end())[-1] == "c/c0"

    run()


@in_virtual_time
async def test_places_are_neither_lost_nor_made_whatever_is_cancelled_when() -> None:
    askers = Askers(FairQueue(4, spare=True))
    for round_ in range(20):
        names = [f"{namespace}/{app}{round_}" for namespace in "abc" for app in "xyz"]
        await askers.ask(*names, seconds=0.3)
        for number, name in enumerate(names):
            if (number * 7 + round_) % 3 == 0:
                askers.tasks[name].cancel()
                await asyncio.sleep(0.01 * (number % 2))
    await askers.end()
    assert askers.at_once <= 4 and askers.most <= 4
    last = Askers(askers.queue)
    await last.ask("new/x0", "newer/x0")
    assert last.at_once == 2
    await last.end()
