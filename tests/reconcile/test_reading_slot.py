"""Who waits until a reader is free is told so, and who asks for new renderings without end gets one in a while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.names import KIND
from kotsapp.release.process import InProcess

pytestmark = pytest.mark.usefixtures("helm_on_path")

DRAWN = "{{repl RandomString 20}}"


def drawn(operator: Operator) -> Any:
    return operator.api.live("ConfigMap", "settings", NAMESPACE)["data"]["a"]


def ask(operator: Operator, value: str) -> None:
    annotations = {"kotsapp.dev/renderAt": value}
    operator.api.change(KIND, "my-app", {"metadata": {"annotations": annotations}}, NAMESPACE)


def answered(operator: Operator) -> Any:
    return operator.status().get("lastHandledRenderAt")


@in_virtual_time
async def test_new_renderings_that_are_asked_for_are_seconds_apart_and_the_last_one_is_made(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a=DRAWN))
        await operator.until_ready()
        seen, began = [drawn(operator)], asyncio.get_running_loop().time()
        for number in range(50):
            before_last = drawn(operator)
            ask(operator, str(number))
            await asyncio.sleep(0.4)
            if drawn(operator) != seen[-1]:
                seen.append(drawn(operator))
        elapsed = asyncio.get_running_loop().time() - began
        assert 2 <= len(seen) - 1 <= elapsed / 5 + 2, "the first one, and then one each five seconds"

        await until(lambda: answered(operator) == "49")
        await quiet(5)
        last = drawn(operator)
        assert last != before_last
        await quiet(60)
        assert drawn(operator) == last


@in_virtual_time
async def test_a_change_of_the_sources_waits_for_nothing_and_answers_no_request_that_came_too_early(
    signer: Signer,
) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a=DRAWN))
        await operator.until_ready()
        ask(operator, "first")
        await until(lambda: answered(operator) == "first")
        first = drawn(operator)
        ask(operator, "second")
        operator.put_app(config_map(a=DRAWN, b="1"))
        await until(lambda: "b" in operator.api.live("ConfigMap", "settings", NAMESPACE)["data"])
        assert drawn(operator) == first, "what was drawn is kept until it is time for a new rendering"
        assert answered(operator) == "first"

        await until(lambda: answered(operator) == "second")
        assert drawn(operator) != first


@pytest.mark.parametrize("seconds", [1.0, 60.0])
def test_a_wait_for_a_reader_is_told_when_it_is_long(
    signer: Signer, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a place at a registry; and it is no longer told when the release is read."""
    read = InProcess.run
    one = FairQueue(1)
    now_read = asyncio.Event()

    async def run(self: InProcess, *arguments: Any, tenant: Tenant, **options: Any) -> Any:
        async with one.slot(tenant):
            if tenant.app == "my-app":
                await now_read.wait()
            return await read(self, *arguments, tenant=tenant, **options)

    monkeypatch.setattr(InProcess, "run", run)
    monkeypatch.setattr(InProcess, "waits", lambda _, tenant: one.waits(tenant))

    @in_virtual_time
    async def test() -> None:
        async with operating(signer) as operator, asyncio.timeout(300):
            async with one.slot(Tenant("somebody", "else")):
                operator.put_app(config_map(a="1"))
                await asyncio.sleep(seconds)
                assert ("waits for its turn to be read" in operator.message()) == (seconds > 5)
            if seconds > 5:
                await until(lambda: operator.message() == "reading the release")
            now_read.set()
            await operator.until_ready()
            assert "turn" not in operator.message()

    test()


@in_virtual_time
async def test_who_waits_is_known_for_as_long_as_it_waits() -> None:
    queue, tenant = FairQueue(1), Tenant("a", "b")
    assert not queue.waits(tenant)
    await queue.take(Tenant("c", "d"))
    for suspect in (False, True):
        waiting = asyncio.create_task(queue.take(tenant, suspect=suspect))
        await asyncio.sleep(0)
        assert queue.waits(tenant)
        assert not queue.waits(Tenant("a", "c"))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not queue.waits(tenant)
