"""Who leads: whatever fails, there are never two (DESIGN 11)."""

import copy
import random

import pytest

from harness.candidates import OLD, SOON, Cluster, candidates, leader, leader_and_other, now, seconds_until
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.election import RENEW_SECONDS, RETRY_SECONDS
from kotsapp.kube.fence import Fence
from kotsapp.lease import LEASE_SECONDS, TRY_SECONDS


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
        first, other = await leader_and_other(made)
        await quiet(after)
        await first.kill()
        last = cluster.stored_at
        await seconds_until(lambda: other.writes)
        assert LEASE_SECONDS <= cluster.stored_at - last < LEASE_SECONDS + SOON


@in_virtual_time
async def test_a_leader_that_is_told_to_end_is_followed_at_once() -> None:
    async with candidates("a", "b") as (cluster, made):
        first, other = await leader_and_other(made)
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
        first, other = await leader_and_other(made)
        await quiet(33.3)
        await first.kill()
        last = cluster.stored_at
        await seconds_until(lambda: other.writes)
        assert LEASE_SECONDS <= cluster.stored_at - last < LEASE_SECONDS + RETRY_SECONDS + SOON
        await other.terminate()


@in_virtual_time
async def test_a_follower_that_hears_of_renewals_asks_for_nothing() -> None:
    async with candidates("a", "b") as (_, made):
        _, other = await leader_and_other(made)
        await quiet(20)
        asked = other.link.gets
        await quiet(120)
        assert other.link.gets - asked <= 1


@in_virtual_time
async def test_an_old_event_that_comes_late_makes_nobody_take_the_lease_sooner() -> None:
    async with candidates("a", "b") as (cluster, made):
        first, other = await leader_and_other(made)
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
        first, other = await leader_and_other(made)
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
