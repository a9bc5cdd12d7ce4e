"""What releases at work hold in memory, shared by their size; large ones wait, and hold up no small ones."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
import yaml

from harness.cluster import NAMESPACE, config_map
from harness.inprocess import operating
from harness.licenses import Signer
from harness.shipped import DEPLOY
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.fair_queue import Tenant
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import Place
from kotsapp.manifests.limits import MIB
from kotsapp.reconcile.shares import MAX_KEPT, MAX_SHARES, Counted, LargerError, Share, Shares, Size
from kotsapp.registry.limits import MAX_LARGE_BODIES, MAX_MANIFEST_BODY
from kotsapp.release import codec, helm_process, process
from kotsapp.release.budget import PACKED, for_sources
from kotsapp.release.reader import Release
from kotsapp.release.store import StoredRelease
from kotsapp.sources.limits import MAX_ARCHIVE, MAX_FETCHES

# As measured (docs/manifests.md, bounds): the operator with nothing to do, and the warm server of readers.
AT_REST, WARM_SERVER, APPS_AT_REST = 90 * MIB, 20 * MIB, 64 * MIB


def test_all_bounds_together_are_no_more_than_the_shipped_pod_has() -> None:
    deployment = yaml.safe_load((DEPLOY / "base/deployment.yaml").read_text())
    limit = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]

    readers = process.MAX_READERS * process.MAX_MEMORY
    fetched = 2 * MAX_FETCHES * MAX_ARCHIVE
    manifests = 2 * MAX_LARGE_BODIES * MAX_MANIFEST_BODY
    assert limit.endswith("Mi")
    bounds = AT_REST + WARM_SERVER + readers + helm_process.MAX_MEMORY + fetched + manifests + MAX_SHARES
    assert bounds + APPS_AT_REST <= int(limit[:-2]) * MIB


def test_a_share_grows_to_the_size_that_holds_all() -> None:
    share = Share(Size.SMALL)
    share.hold(Size.SMALL.most)

    with pytest.raises(LargerError) as larger:
        share.hold(1)
    assert larger.value.size is Size.MEDIUM
    Share(Size.LARGE).hold(10 * Size.LARGE.most)


def test_sources_count_twice_since_a_reader_is_given_a_copy() -> None:
    budget: Budget = Counted(for_sources(), share := Share(Size.MEDIUM))

    budget.take(PACKED, MIB, Place("a"))

    assert share.held == 2 * MIB


def test_an_answer_weighs_at_least_what_it_takes_in_memory() -> None:
    few, many = [b'{"a":"' + b"x" * MIB + b'"}'], [b"[" + b"[]," * 100_000 + b"[]]"]

    assert codec.weight(few) >= MIB
    assert codec.weight(many) >= 64 * 100_000  # an empty list, and where it is referred to


@pytest.mark.asyncio
async def test_a_large_one_at_work_holds_up_large_ones_alone() -> None:
    shares = Shares()
    async with shares.slot(Tenant("a", "one"), Size.LARGE):
        waiting = asyncio.create_task(_had(shares, Tenant("b", "two"), Size.LARGE))
        await _had(shares, Tenant("b", "three"), Size.MEDIUM)
        await _had(shares, Tenant("a", "four"), Size.SMALL)
        assert not waiting.done()
    await waiting


async def _had(shares: Shares, tenant: Tenant, size: Size) -> None:
    async with shares.slot(tenant, size):
        pass


def test_what_is_kept_is_bounded_shared_and_let_go_of() -> None:
    shares = Shares()
    first = StoredRelease(1, "", "", Release())
    mine, other = Tenant("a", "one"), Tenant("b", "two")

    assert not shares.keep(mine, replace(first), MAX_KEPT + 1)
    assert shares.keep(mine, first, MAX_KEPT // 2)
    assert not shares.keep(mine, replace(first), MAX_KEPT // 2)
    second = replace(first)
    assert shares.keep(other, second, MAX_KEPT // 4)
    del first, second
    assert shares.keep(other, replace(StoredRelease(1, "", "", Release())), MAX_KEPT)


@in_virtual_time
async def test_who_waits_for_a_share_says_so_and_goes_on_when_there_is_one(signer: Signer) -> None:
    shares, others = Shares(), [Tenant(f"n{number}", "other") for number in range(Size.MEDIUM.slots)]
    async with operating(signer, shares=shares) as operator:
        async with contextlib.AsyncExitStack() as taken:
            for other in others:
                await taken.enter_async_context(shares.slot(other, Size.MEDIUM))
            operator.put_app(config_map(a="1"))
            await operator.until_reason("Progressing")
            await until(lambda: "waits for its turn" in operator.message())
            assert operator.api.get("ConfigMap", "settings", NAMESPACE) is None
        await operator.until_ready()


@in_virtual_time
async def test_what_is_known_to_be_wrong_is_said_while_the_next_look_waits(signer: Signer) -> None:
    shares, others = Shares(), [Tenant(f"n{number}", "other") for number in range(Size.MEDIUM.slots)]
    async with operating(signer) as operator:
        operator.put_app(manifests=[{"inline": "a: ["}])
        await operator.until_reason("InvalidManifest")
        api = operator.api
    async with contextlib.AsyncExitStack() as taken:
        for other in others:
            await taken.enter_async_context(shares.slot(other, Size.MEDIUM))
        async with operating(signer, api, shares=shares) as operator:
            await quiet(20)
            assert operator.ready() == ("False", "InvalidManifest")
