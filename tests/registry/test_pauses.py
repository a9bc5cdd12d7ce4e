"""For whom a failing host is left alone: all where it is the host's fault, else the namespace whose images fail."""

from __future__ import annotations

import asyncio

import pytest

from harness.fair_registries import ATTACKER, HONEST, SIBLING, probe, serving
from harness.hostile import MANIFEST_TYPE, Request, Talk
from harness.virtual_time import until
from kotsapp.fair_queue import Tenant
from kotsapp.registry.evidence import Evidence, NoAnswer, Stage, Trouble
from kotsapp.registry.host_state import HostPause
from kotsapp.registry.limits import STRIKES
from kotsapp.verdicts.verdict import Verdict

HOST, NOW = "quay.io", 100.0
SILENCE = NoAnswer(Trouble.TIMEOUT, HOST, "did not answer")
BROKEN = Evidence(Stage.MANIFEST, HOST, 502)
OK = Evidence(Stage.MANIFEST, HOST, 200)
NAMESPACES = [f"n{number}" for number in range(STRIKES)]


def struck(outcome: Evidence | NoAnswer, *namespaces: str, times: int = STRIKES) -> HostPause:
    """A host that failed so many times for each of these namespaces, and has answered before."""
    pause = HostPause()
    for namespace in namespaces:
        for _ in range(times):
            pause.note(NOW, outcome, HOST, namespace=namespace)
    return pause


@pytest.mark.parametrize("outcome", [SILENCE, BROKEN, NoAnswer(Trouble.MALFORMED, HOST, "answered nonsense")])
def test_images_that_fail_pause_the_host_for_their_namespace_alone(outcome: Evidence | NoAnswer) -> None:
    pause = struck(outcome, "attacker")

    assert pause.remaining(NOW, "attacker") > 0
    assert pause.is_failing("attacker")
    assert pause.reason(NOW, "attacker") is outcome
    assert pause.remaining(NOW, "honest") == 0
    assert not pause.is_failing("honest")


@pytest.mark.parametrize(
    "outcome",
    [
        NoAnswer(Trouble.CONNECT, HOST, "refused"),
        Evidence(Stage.MANIFEST, HOST, 429),
        Evidence(Stage.MANIFEST, HOST, 503, retry_after=30.0),
    ],
)
def test_what_is_every_images_fault_pauses_the_host_for_all(outcome: Evidence | NoAnswer) -> None:
    pause = struck(outcome, "attacker", times=1)

    assert pause.remaining(NOW, "honest") > 0
    assert pause.is_failing("honest")
    assert pause.reason(NOW, "honest") is outcome


def test_answers_to_others_do_not_end_ones_own_backing_off() -> None:
    pause = struck(SILENCE, "attacker")
    first = pause.remaining(NOW, "attacker")
    for turn in range(1, 4):
        pause.note(NOW + 10 * turn, OK, HOST, namespace="honest")
        pause.note(NOW + 10 * turn, SILENCE, HOST, namespace="attacker")

    assert pause.remaining(NOW + 30, "attacker") > 3 * first


def test_ones_own_answer_ends_it() -> None:
    pause = struck(SILENCE, "attacker")
    pause.note(NOW + 5, OK, HOST, namespace="attacker")

    assert not pause.is_failing("attacker")
    assert pause.remaining(NOW + 5, "attacker") == 0


def test_a_host_that_fails_several_namespaces_is_left_alone_by_each_other_one_at_its_first_failure() -> None:
    pause = struck(BROKEN, *NAMESPACES)
    pause.note(NOW, BROKEN, HOST, namespace="next")

    assert pause.remaining(NOW, "next") > 0
    # Whoever has not failed there asks, once: it may be the others' images after all.
    assert pause.remaining(NOW, "honest") == 0


def test_a_host_that_answers_again_is_not_left_alone_at_the_first_failure() -> None:
    pause = struck(BROKEN, *NAMESPACES)
    for namespace in NAMESPACES:
        pause.note(NOW + 5, OK, HOST, namespace=namespace)
    pause.note(NOW + 5, BROKEN, HOST, namespace="next")

    assert pause.remaining(NOW + 5, "next") == 0


def test_a_pause_of_one_namespace_keeps_the_hosts_state() -> None:
    pause = struck(SILENCE, "attacker")

    assert not pause.is_idle(NOW)
    assert pause.is_idle(NOW + 1000)


async def hangs_for_some(request: Request, talk: Talk) -> None:
    """A registry that answers at once, but for images of one vendor, whose storage hangs or is broken."""
    if "/hanging-" in request.path:
        await asyncio.sleep(3600)
    if "/broken-" in request.path:
        await talk.answer(502)
    await talk.answer(200, {"Content-Type": MANIFEST_TYPE})


@pytest.mark.parametrize("tenants", [[ATTACKER], [ATTACKER, SIBLING]], ids=["one app", "two apps"])
async def test_images_that_fail_at_a_shared_host_keep_nobody_else_from_asking(tenants: list[Tenant]) -> None:
    async with serving({"quay": hangs_for_some}) as (servers, prober):
        await probe(prober, "quay", "known")
        asked = [probe(prober, "quay", f"broken-{tag}", tenant) for tenant in tenants for tag in range(STRIKES)]
        failed = await asyncio.gather(*asked)
        paused = await probe(prober, "quay", "broken-more", ATTACKER)
        before = len(servers["quay"].requests)
        honest = await probe(prober, "quay", "mine", HONEST)
        after = len(servers["quay"].requests)

    assert {result.verdict for result in failed} == {Verdict.UNREACHABLE}
    assert (paused.verdict, paused.requests) == (Verdict.UNREACHABLE, 0)
    assert honest.verdict is Verdict.PUBLIC
    assert after == before + 1


async def test_images_that_hang_leave_a_place_at_a_shared_host_to_others() -> None:
    async with serving({"quay": hangs_for_some}) as (servers, prober):
        await probe(prober, "quay", "known")
        asking = [asyncio.create_task(probe(prober, "quay", f"hanging-{tag}", ATTACKER)) for tag in range(50)]
        await until(lambda: len(servers["quay"].requests) > STRIKES)
        async with asyncio.timeout(10):
            results = [await probe(prober, "quay", tag, HONEST) for tag in range(5)]
        for task in asking:
            task.cancel()

    assert {result.verdict for result in results} == {Verdict.PUBLIC}


async def test_images_that_hang_leave_a_place_at_a_host_that_nobody_knows_yet() -> None:
    async with serving({"quay": hangs_for_some}) as (servers, prober):
        asking = [asyncio.create_task(probe(prober, "quay", f"hanging-{tag}", ATTACKER)) for tag in range(50)]
        await until(lambda: servers["quay"].requests)
        async with asyncio.timeout(10):
            result = await probe(prober, "quay", "mine", HONEST)
        for task in asking:
            task.cancel()

    assert result.verdict is Verdict.PUBLIC
