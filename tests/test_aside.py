"""What takes long is computed beside the loop, one after the other, and fairly."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from kotsapp.aside import AT_ONCE, FEW_VALUES, Aside, paced
from kotsapp.fair_queue import Tenant, acting_for

MANY = [{}] * (FEW_VALUES + 1)
FEW = [{}] * FEW_VALUES
LONG = 30.0


async def test_the_loop_goes_on_while_much_is_computed() -> None:
    over = threading.Event()
    computing = asyncio.create_task(Aside().run(MANY, over.wait, LONG))
    while not computing.done():
        over.set()  # only a loop that goes on gets here
        await asyncio.sleep(0.001)

    assert await computing


async def test_little_is_computed_at_once() -> None:
    assert await Aside().run(FEW, threading.get_ident) == threading.get_ident()
    assert await Aside().run(MANY, threading.get_ident) != threading.get_ident()


async def test_few_objects_of_many_values_are_computed_aside() -> None:
    large = [{"kind": "ConfigMap", "data": {str(number): "" for number in range(FEW_VALUES)}}]
    nested = [{"a": [[{"b": 1}] for _ in range(FEW_VALUES)]}]

    for objects in (large, nested):
        assert await Aside().run(objects, threading.get_ident) != threading.get_ident()


async def test_others_have_their_moment_between_items_that_take_long() -> None:
    seen: list[str] = []
    other = asyncio.create_task(_note(seen, "other"))

    async for item in paced(["first", "second"]):
        _compute(2 * AT_ONCE)
        seen.append(item)

    await other
    assert seen == ["first", "other", "second"]


def _compute(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def _note(seen: list[str], what: str) -> None:
    seen.append(what)


async def test_one_computes_at_a_time_namespace_after_namespace() -> None:
    aside, begin, order, at_once = Aside(), threading.Event(), [], 0

    def compute(name: str) -> None:
        nonlocal at_once
        at_once += 1
        begin.wait(LONG)
        order.append((name, at_once))
        at_once -= 1

    async def ask(namespace: str, number: int) -> None:
        acting_for.set(Tenant(namespace, f"app-{number}"))
        await aside.run(MANY, compute, f"{namespace}-{number}")

    asked = [asyncio.create_task(ask("much", number)) for number in range(8)]
    await asyncio.sleep(0)
    asked.append(asyncio.create_task(ask("little", 0)))
    await asyncio.sleep(0)
    begin.set()
    await asyncio.gather(*asked)

    assert [name for name, _ in order].index("little-0") <= 2
    assert {count for _, count in order} == {1}


async def test_what_is_raised_is_raised_where_it_was_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        await Aside().run(MANY, divmod, 1, 0)
