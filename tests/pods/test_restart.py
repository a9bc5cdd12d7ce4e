"""Which pods begin anew."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from kotsapp.pods.restart import MAX_REMEMBERED, MINUTE, MOST_A_MINUTE, History, noted, restarts
from kotsapp.pods.seen import Controller, SeenPod

IMAGE, OTHER = "quay.io/a/a:1", "quay.io/b/b:1"
ROUTES = {IMAGE: "proxy.replicated.com/proxy/app/quay.io/a/a:1", OTHER: OTHER}
OWNER = Controller("StatefulSet", "db", "o-1")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def pod(
    name: str,
    *images: str,
    owner: Controller | None = OWNER,
    unpulled: Sequence[str] | None = None,
    ran: bool = False,
    over: bool = False,
    minute: int = 0,
) -> SeenPod:
    images = images or (IMAGE,)
    waits = frozenset(images if unpulled is None else unpulled)
    return SeenPod(name, f"uid-{name}", "1", NOON + timedelta(minutes=minute), owner, images, waits, ran, over)


def due(pods: Sequence[SeenPod], history: History | None = None, now: float = 0.0) -> list[str]:
    return [one.pod.name for one in restarts(pods, ROUTES, history or History(), now).due]


def test_a_pod_that_waits_for_an_image_that_is_routed_by_now() -> None:
    (found,) = restarts([pod("one")], ROUTES, History(), 0).due
    assert (found.image, found.pull) == (IMAGE, ROUTES[IMAGE])


@pytest.mark.parametrize(
    "spared",
    [
        pod("other", "quay.io/unknown/x:1"),
        pod("stays-where-it-is", OTHER),
        pod("routed", ROUTES[IMAGE]),
        pod("starts", unpulled=[]),
        pod("waits-for-another", IMAGE, "quay.io/unknown/x:1", unpulled=["quay.io/unknown/x:1"]),
        pod("over", over=True),
    ],
)
def test_no_other_pod_is_spoken_of(spared: SeenPod) -> None:
    found = restarts([spared], ROUTES, History(), 0)
    assert (found.due, found.left, found.wait) == ((), (), None)


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (pod("ran", ran=True), "a container of it ran"),
        (pod("bare", owner=None), "no controller"),
        (pod("job", owner=Controller("Job", "j", "o-2")), "Job would count it"),
        (pod("ran-and-bare", ran=True, owner=None), "a container of it ran"),
    ],
)
def test_a_pod_that_is_left_to_a_person(left: SeenPod, why: str) -> None:
    found = restarts([left], ROUTES, History(), 0)
    assert found.due == ()
    assert [(one.name, why in reason) for one, reason in found.left] == [(left.name, True)]


def test_all_pods_of_a_round_are_deleted_and_none_that_comes_in_their_place() -> None:
    pods = [pod("one"), pod("two")]
    first = restarts(pods, ROUTES, History(), 0).due[:1]
    history = noted(History(), first, pods, 0)
    pods = [pod("again"), pod("two")]
    assert due(pods, history, 1) == ["two"]
    assert [one.name for one, _ in restarts(pods, ROUTES, history, 1).left] == ["again"]


def test_rounds_are_ever_further_apart() -> None:
    history, now, times = History(), 0.0, []
    for number in range(12):
        pods = [pod(f"n{number}")]
        found = restarts(pods, ROUTES, history, now)
        if not found.due:
            assert found.wait is not None
            now += found.wait
            found = restarts(pods, ROUTES, history, now)
        history = noted(history, found.due, pods, now)
        times.append(now)
    waits = [after - before for before, after in pairwise(times)]
    assert waits[:3] == [600, 1200, 2400]
    assert waits[-1] == 24 * 3600


def test_another_image_or_controller_has_rounds_of_its_own() -> None:
    pods = [pod("one")]
    history = noted(History(), restarts(pods, ROUTES, History(), 0).due, pods, 0)
    assert due([pod("two", owner=OWNER._replace(uid="o-9"))], history, 1) == ["two"]


def test_so_many_in_a_minute_the_oldest_first() -> None:
    pods = [pod(f"p{number:03}", minute=-number) for number in range(150)]
    found = restarts(pods, ROUTES, History(), 0)
    assert len(found.due) == MOST_A_MINUTE
    assert found.due[0].pod.name == "p149"
    assert found.wait == MINUTE
    history = noted(History(), found.due, pods, 0)
    left = [one for one in pods if one not in {done.pod for done in found.due}]
    assert due(left, history, 59) == []
    assert restarts(left, ROUTES, history, 59).wait == 1
    assert len(due(left, history, 60)) == MOST_A_MINUTE


def test_what_is_remembered_is_bounded() -> None:
    history = History()
    for number in range(MAX_REMEMBERED + 100):
        pods = [pod("one", owner=OWNER._replace(uid=f"o-{number}"))]
        history = noted(history, restarts(pods, ROUTES, History(), number * 60.0).due, pods, number * 60.0)
    assert len(history.rounds) == MAX_REMEMBERED
    assert len(history.moments) == 1
