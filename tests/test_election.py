"""Who leads: what a Lease says to a candidate, and that whatever fails there are never two (DESIGN 11)."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.election import RENEW_SECONDS, RETRY_SECONDS, Elector
from kotsapp.kube.errors import ApiError
from kotsapp.kube.fence import Fence
from kotsapp.lease import LEASE_SECONDS, TRY_SECONDS, Object, Seen, claimed, observe, released

# Two requests, a hundredth of a second each way.
SOON = 0.3
NOON = datetime(2026, 11, 26, 12, 0, 0, 250_000, UTC)
OLD = {
    "holderIdentity": "a",
    "leaseDurationSeconds": 15,
    "acquireTime": "2026-11-26T11:00:00.000000Z",
    "renewTime": "2026-11-26T11:59:58.000000Z",
    "leaseTransitions": 3,
}


@pytest.mark.parametrize(
    ("spec", "waited", "expected"),
    [
        ({}, 0, True),
        ({**OLD, "holderIdentity": ""}, 0, True),
        (OLD | {"holderIdentity": "b"}, 0, True),
        (OLD, 0, False),
        (OLD, 14.9, False),
        (OLD, 15, True),
        (OLD | {"renewTime": "1999-01-01T00:00:00.000000Z"}, 1, False),
        (OLD | {"renewTime": "2099-01-01T00:00:00.000000Z"}, 15, True),
        (OLD | {"leaseDurationSeconds": 60}, 59, False),
        (OLD | {"leaseDurationSeconds": 60}, 60, True),
        ({"holderIdentity": "a"}, 14.9, False),
        ({"holderIdentity": "a"}, 15, True),
        ({"renewTime": "never"}, 0, True),
    ],
)
def test_a_lease_is_open_to_b_when_nobody_has_it_or_nobody_was_heard_of_for_its_time(
    spec: Object, waited: float, expected: bool
) -> None:
    assert Seen(spec, 100.0).open_to("b", 100.0 + waited) is expected


def test_time_counts_from_the_last_change_that_was_seen() -> None:
    first = observe(None, OLD, 10.0)
    assert observe(first, dict(OLD), 20.0) is first
    renewed = {**OLD, "renewTime": "2026-11-26T12:00:00.000000Z"}
    assert observe(first, renewed, 20.0) == Seen(renewed, 20.0)


def test_a_lease_that_was_deleted_is_its_holders_for_as_long_as_one_that_was_renewed() -> None:
    gone = observe(observe(None, OLD, 10.0), None, 60.0)
    assert gone.open_to("a", 60.0)
    assert not gone.open_to("b", 74.9)
    assert observe(gone, None, 74.0).open_to("b", 75.0)
    assert not observe(gone, OLD, 74.0).open_to("b", 75.0), "it is there again"
    assert observe(None, None, 12.0).open_to("b", 12.0), "there never was one"


@pytest.mark.parametrize(
    ("spec", "acquired", "transitions"),
    [
        ({}, "2026-11-26T12:00:00.250000Z", 0),
        (OLD, "2026-11-26T12:00:00.250000Z", 4),
        (OLD | {"holderIdentity": "b"}, OLD["acquireTime"], 3),
        (released(OLD | {"holderIdentity": "b"}, NOON), "2026-11-26T12:00:00.250000Z", 4),
    ],
)
def test_whoever_takes_it_says_since_when_and_whoever_keeps_it_changes_the_renewal_alone(
    spec: Object, acquired: str, transitions: int
) -> None:
    assert claimed(spec, "b", NOON.astimezone(timezone(timedelta(hours=2)))) == {
        "holderIdentity": "b",
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": acquired,
        "renewTime": "2026-11-26T12:00:00.250000Z",
        "leaseTransitions": transitions,
    }


def test_what_is_released_is_nobodys() -> None:
    assert Seen(released(OLD, NOON), 0.0).open_to("b", 0.0)


@dataclass
class Cluster:
    """The Lease, and what a request of each candidate meets."""

    lease: Object | None = None
    version: int = 0
    puts: list[tuple[str, str]] = field(default_factory=list)
    stored_at: float = 0.0
    watching: list[asyncio.Queue[Object]] = field(default_factory=list)

    def store(self, lease: Object) -> Object:
        given = lease.get("metadata", {}).get("resourceVersion")
        live = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if given != live:
            raise ApiError(409, "Conflict", "the object has been modified")
        self.version += 1
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": dict(lease["spec"])}
        self.stored_at = now()
        self.tell("MODIFIED" if live else "ADDED", self.lease)
        return copy.deepcopy(self.lease)

    def delete(self) -> None:
        gone, self.lease = self.lease, None
        self.tell("DELETED", gone or {})

    def tell(self, kind: str, lease: Object) -> None:
        for queue in self.watching:
            queue.put_nowait({"type": kind, "object": copy.deepcopy(lease)})


@dataclass
class Link:
    """One candidate's way to the Lease. ``fault`` is met by each request; ``delay`` is each one's way there.

    A watch is refused with ``unwatched``, and says nothing any more with ``deaf``.
    """

    cluster: Cluster
    who: str
    name: str = "kotsapp-system/kotsapp-operator"
    fault: str = ""
    delay: Callable[[], float] = lambda: 0.01
    unwatched: bool = False
    deaf: bool = False
    gets: int = 0

    async def watch(self, version: str) -> AsyncIterator[Object]:
        await self._way()
        if self.unwatched:
            raise ApiError(403, "Forbidden", 'User "x" cannot watch resource "leases"')
        if self.cluster.lease and self.cluster.lease["metadata"]["resourceVersion"] != version:
            yield {"type": "MODIFIED", "object": copy.deepcopy(self.cluster.lease)}
        queue: asyncio.Queue[Object] = asyncio.Queue()
        self.cluster.watching.append(queue)
        try:
            while True:
                event = await queue.get()
                if self.fault or self.deaf:
                    continue
                await asyncio.sleep(self.delay())
                yield event
        finally:
            self.cluster.watching.remove(queue)

    async def get(self) -> Object | None:
        self.gets += 1
        await self._way()
        return copy.deepcopy(self.cluster.lease)

    async def put(self, lease: Object) -> Object:
        await self._way()
        stored = self.cluster.store(lease)
        self.cluster.puts.append((self.who, str(stored["spec"]["holderIdentity"])))
        if self.fault == "answer lost":
            await asyncio.sleep(TRY_SECONDS)
            raise ApiError(0, "Timeout", "the API server does not answer within 3 s")
        await asyncio.sleep(self.delay())
        return stored

    async def _way(self) -> None:
        if self.fault == "forbidden":
            raise ApiError(403, "Forbidden", 'User "x" cannot update resource "leases"')
        if self.fault == "refused":
            raise ApiError(0, "Unavailable", "the API server can't be reached: connection refused")
        if self.fault == "silent":
            await asyncio.sleep(TRY_SECONDS)
            raise ApiError(0, "Timeout", "the API server does not answer within 3 s")
        await asyncio.sleep(self.delay())


class Candidate:
    """Stands for election for ever, a term after the other."""

    def __init__(self, cluster: Cluster, name: str, skew: float = 0.0) -> None:
        self.name = name
        self.link = Link(cluster, name)
        self.lost: list[str] = []
        self._skew = skew
        self.fence, self.elector = self._term(None)
        self.task = asyncio.ensure_future(self._run())

    def clock(self) -> float:
        return asyncio.get_running_loop().time() + self._skew

    @property
    def writes(self) -> bool:
        return self.fence.seconds > 0

    def _term(self, seen: Seen | None) -> tuple[Fence, Elector]:
        fence = Fence(self.clock)
        return fence, Elector(self.link, self.name, fence, self.clock, seen)

    async def _run(self) -> None:
        while True:
            self.fence, self.elector = self._term(self.elector.seen)
            await self.elector.lead()
            self.lost.append(await self.elector.keep())

    async def kill(self) -> None:
        """As by SIGKILL: nothing is given back. What it could still write before its fence closes, it doesn't."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.fence.shut()

    async def terminate(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.elector.release()


@asynccontextmanager
async def candidates(*names: str, cluster: Cluster | None = None) -> AsyncIterator[tuple[Cluster, list[Candidate]]]:
    """They begin one after the other; that no two write at once is looked at all the time."""
    cluster = cluster or Cluster()
    made = [Candidate(cluster, name, skew=number * 86_400.0) for number, name in enumerate(names)]
    twice: list[list[str]] = []

    async def look() -> None:
        while True:
            writing = [candidate.name for candidate in made if candidate.writes]
            if len(writing) > 1:
                twice.append(writing)
            await asyncio.sleep(0.05)

    looking = asyncio.ensure_future(look())
    try:
        yield cluster, made
    finally:
        looking.cancel()
        for candidate in made:
            candidate.task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(looking, *(c.task for c in made), return_exceptions=True)
    assert twice == []


def now() -> float:
    return asyncio.get_running_loop().time()


async def leader(made: list[Candidate]) -> Candidate:
    await until(lambda: any(candidate.writes for candidate in made))
    return next(candidate for candidate in made if candidate.writes)


async def seconds_until(condition: Callable[[], Any]) -> float:
    began = now()
    await until(condition)
    return now() - began


@in_virtual_time
async def test_one_leads_and_the_others_follow_it() -> None:
    async with candidates("a", "b", "c") as (cluster, made):
        first = await leader(made)
        await quiet(120)
        assert [candidate.writes for candidate in made].count(True) == 1
        assert first.writes
        assert {candidate.elector.holder for candidate in made} == {first.name}
        assert {candidate.elector.problem() for candidate in made} == {None}
        assert cluster.lease is not None
        assert cluster.lease["spec"]["leaseTransitions"] == 0


@pytest.mark.parametrize("after", [33.3, 33.9, 34.4, 35.1])
@in_virtual_time
async def test_a_leader_that_was_killed_is_followed_as_its_lease_ends_and_not_before(after: float) -> None:
    async with candidates("a", "b") as (cluster, made):
        first = await leader(made)
        (other,) = [candidate for candidate in made if candidate is not first]
        await quiet(after)
        await first.kill()
        last = cluster.stored_at
        await seconds_until(lambda: other.writes)
        assert LEASE_SECONDS <= cluster.stored_at - last < LEASE_SECONDS + SOON


@in_virtual_time
async def test_a_leader_that_is_told_to_end_is_followed_at_once() -> None:
    async with candidates("a", "b") as (cluster, made):
        first = await leader(made)
        (other,) = [candidate for candidate in made if candidate is not first]
        await quiet(33.3)
        await first.terminate()
        assert await seconds_until(lambda: other.writes) <= SOON
        assert cluster.lease is not None
        assert cluster.lease["spec"]["leaseTransitions"] == 1


@pytest.mark.parametrize("how", ["unwatched", "deaf"])
@in_virtual_time
async def test_who_hears_nothing_of_the_lease_looks_at_it_every_so_often(how: str) -> None:
    """Rights of an older version have no watch in them; and a connection whose peer is gone says nothing."""
    async with candidates("a", "b") as (cluster, made):
        for candidate in made:
            setattr(candidate.link, how, True)
        first = await leader(made)
        (other,) = [candidate for candidate in made if candidate is not first]
        await quiet(33.3)
        await first.kill()
        last = cluster.stored_at
        await seconds_until(lambda: other.writes)
        assert LEASE_SECONDS <= cluster.stored_at - last < LEASE_SECONDS + RETRY_SECONDS + SOON
        await other.terminate()


@in_virtual_time
async def test_a_follower_that_hears_of_renewals_asks_for_nothing() -> None:
    async with candidates("a", "b") as (_, made):
        first = await leader(made)
        (other,) = [candidate for candidate in made if candidate is not first]
        await quiet(20)
        asked = other.link.gets
        await quiet(120)
        assert other.link.gets - asked <= 1


@in_virtual_time
async def test_an_old_event_that_comes_late_makes_nobody_take_the_lease_sooner() -> None:
    async with candidates("a", "b") as (cluster, made):
        first = await leader(made)
        (other,) = [candidate for candidate in made if candidate is not first]
        await quiet(20)
        old = copy.deepcopy(cluster.lease)
        await quiet(20)
        await first.kill()
        last = cluster.stored_at
        await quiet(10)
        assert old is not None
        cluster.tell("MODIFIED", old)
        await seconds_until(lambda: other.writes)
        assert cluster.stored_at - last >= LEASE_SECONDS


@in_virtual_time
async def test_a_follower_that_ends_takes_nothing_from_the_leader() -> None:
    async with candidates("a", "b") as (cluster, made):
        first = await leader(made)
        (other,) = [candidate for candidate in made if candidate is not first]
        await quiet(10)
        await other.terminate()
        await quiet(30)
        assert first.writes
        assert {who for who, _ in cluster.puts} == {first.name}


@pytest.mark.parametrize("fault", ["refused", "silent", "answer lost", "forbidden"])
@in_virtual_time
async def test_a_leader_that_cannot_renew_stops_to_write_before_another_may_begin(fault: str) -> None:
    async with candidates("a", "b") as (_, made):
        first = await leader(made)
        await quiet(20)
        first.link.fault = fault
        stopped = await seconds_until(lambda: not first.writes)
        assert RENEW_SECONDS - RETRY_SECONDS - 0.1 <= stopped <= RENEW_SECONDS
        await until(lambda: first.lost)
        assert "not renewed within 10 s" in first.lost[0]
        first.link.fault = ""
        await until(lambda: any(candidate.writes for candidate in made))


@in_virtual_time
async def test_an_api_server_that_is_away_for_30_s_ends_the_term_and_one_leads_after_it() -> None:
    async with candidates("a", "b") as (_, made):
        await leader(made)
        await quiet(20)
        for candidate in made:
            candidate.link.fault = "silent"
        await quiet(30)
        assert not any(candidate.writes for candidate in made)
        assert any(str(candidate.elector.problem()).startswith("the Lease kotsapp-system/") for candidate in made)
        for candidate in made:
            candidate.link.fault = ""
        assert await seconds_until(lambda: any(candidate.writes for candidate in made)) < LEASE_SECONDS


@in_virtual_time
async def test_a_hiccup_is_no_reason_to_stop() -> None:
    async with candidates("a", "b") as (_, made):
        first = await leader(made)
        for _ in range(20):
            first.link.fault = "refused"
            await quiet(4)
            assert first.writes
            first.link.fault = ""
            await quiet(7)
        assert first.lost == []


@in_virtual_time
async def test_a_lease_that_is_deleted_is_made_again_by_its_leader() -> None:
    async with candidates("a", "b") as (cluster, made):
        first = await leader(made)
        await quiet(20)
        cluster.delete()
        await quiet(20)
        assert first.writes
        assert first.lost == []


@in_virtual_time
async def test_a_lease_that_somebody_gave_to_another_ends_the_term_at_once() -> None:
    async with candidates("a", "b") as (cluster, made):
        first = await leader(made)
        assert cluster.lease is not None
        cluster.store({**cluster.lease, "spec": {**cluster.lease["spec"], "holderIdentity": "somebody"}})
        await until(lambda: first.lost)
        assert first.lost == ["somebody has taken the Lease kotsapp-system/kotsapp-operator"]


@in_virtual_time
async def test_what_was_left_of_a_dead_cluster_is_waited_for_once() -> None:
    """Both replicas died: whoever comes then can't know for how long nobody renews."""
    left = Cluster({"metadata": {"resourceVersion": "0"}, "spec": {**OLD, "holderIdentity": "dead"}})
    async with candidates("a", cluster=left) as (_, made):
        waited = await seconds_until(lambda: made[0].writes)
        assert LEASE_SECONDS <= waited < LEASE_SECONDS + RETRY_SECONDS


@in_virtual_time
async def test_a_fence_that_was_shut_is_never_opened_again() -> None:
    fence = Fence(now)
    assert fence.seconds == 0
    fence.extend(now() + 10)
    assert 9.9 < fence.seconds <= 10
    fence.shut()
    fence.extend(now() + 10)
    assert fence.seconds == 0


@pytest.mark.parametrize("seed", range(12))
def test_whatever_fails_no_two_write_and_when_all_is_well_one_does(seed: int) -> None:
    @in_virtual_time
    async def life() -> None:
        chance = random.Random(seed)
        async with candidates("a", "b", "c") as (cluster, made):
            for candidate in made:
                candidate.link.delay = lambda: chance.choice([0.001, 0.01, 0.3, 1.4])
            for _ in range(80):
                candidate = chance.choice(made)
                what = chance.random()
                if what < 0.7:
                    candidate.link.fault = chance.choice(["", "", "refused", "silent", "answer lost", "forbidden"])
                elif what < 0.75:
                    if chance.random() < 0.1:
                        cluster.delete()
                elif what < 0.85:
                    candidate.link.unwatched, candidate.link.deaf = chance.random() < 0.3, chance.random() < 0.3
                await quiet(chance.uniform(0, 12))
            for candidate in made:
                candidate.link.fault = ""
            await quiet(LEASE_SECONDS + RETRY_SECONDS + 2 * TRY_SECONDS)
            assert [candidate.writes for candidate in made].count(True) == 1

    life()
