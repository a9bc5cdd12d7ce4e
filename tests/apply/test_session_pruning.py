"""Objects taken out of a cluster again."""

import asyncio
from dataclasses import replace

import pytest

from harness.cluster import (
    NAMESPACE,
    config_map,
    deployment,
    obj,
    owned_by,
    widget,
    widgets,
)
from harness.fakekube import Match, connect
from harness.sessions import ACCOUNT, OTHER, cluster, of_another_app, plan_of
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.ownership import ClaimedError
from kotsapp.apply.refusals import RefusedError
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import Owner, key_of
from kotsapp.names import PRUNE_ANNOTATION


@in_virtual_time
async def test_what_leaves_the_plan_goes_after_the_rest_has_come() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("old"), config_map("kept"))
        bench.api.audit.clear()

        await bench.roll_out(config_map("new"), config_map("kept"))

        assert bench.api.writes() == ["apply ConfigMap/new", "delete ConfigMap/old"]
        assert bench.listed() == ["ConfigMap/kept", "ConfigMap/new"]
        assert [str(key) for key in bench.removal.deleted] == ["ConfigMap/old"]


@in_virtual_time
async def test_what_is_annotated_to_stay_is_left_and_forgotten() -> None:
    kept = config_map("kept")
    kept["metadata"]["annotations"] = {PRUNE_ANNOTATION: "disabled"}
    async with cluster() as bench:
        await bench.roll_out(kept)

        await bench.roll_out(config_map("new"))

        assert bench.api.get("ConfigMap", "kept", NAMESPACE)
        assert bench.listed() == ["ConfigMap/new"]
        assert [reason for _, reason in bench.removal.left] == [f"its annotation {PRUNE_ANNOTATION} says disabled"]


@in_virtual_time
async def test_an_object_that_another_made_anew_under_the_name_is_left() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("old"))
        bench.api.delete("ConfigMap", "old", NAMESPACE)
        bench.api.put(config_map("old", a="theirs"))

        await bench.roll_out(config_map("new"))

        assert bench.api.get("ConfigMap", "old", NAMESPACE)


@in_virtual_time
async def test_an_object_that_is_replaced_just_then_is_not_deleted_for_the_old_one() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("old"))
        with bench.api.paused(Match("delete", "ConfigMap")) as pause:
            rolling = asyncio.create_task(bench.roll_out(config_map("new")))
            await pause.reached.wait()
            bench.api.delete("ConfigMap", "old", NAMESPACE)
            bench.api.put(config_map("old", a="theirs"))
        await rolling

        assert bench.api.live("ConfigMap", "old", NAMESPACE)["data"] == {"a": "theirs"}
        assert bench.listed() == ["ConfigMap/new"]


@in_virtual_time
async def test_a_secret_stays_until_the_new_pods_are_well() -> None:
    async with cluster() as bench:
        await bench.roll_out(deployment(), obj("Secret", "old", data={}))

        await bench.roll_out(deployment(image="example.invalid/shop:2"))
        assert bench.api.get("Secret", "old", NAMESPACE), "pods of the old version may need it"

        well = {
            "observedGeneration": 2,
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": 1,
            "availableReplicas": 1,
        }
        conditions = [{"type": "Available", "status": "True"}]
        bench.api.change("Deployment", "shop", {"status": {**well, "conditions": conditions}}, NAMESPACE)
        await quiet()
        await bench.roll_out(deployment(image="example.invalid/shop:2"))
        assert bench.api.get("Secret", "old", NAMESPACE) is None


@in_virtual_time
async def test_what_handles_a_resource_stays_until_the_resource_has_gone() -> None:
    """An operator that is pruned with its own custom resources has to clean up after them."""
    held = widget(metadata={"finalizers": ["example.invalid/clean-up"]})
    async with cluster() as bench:
        bench.api.define(widgets())
        bench.account, bench.client = "deployer", bench.client.impersonating(ACCOUNT)
        await bench.roll_out(held, config_map("kept"), deployment("its-operator"))

        with pytest.raises(RefusedError, match=r"waits for whoever handles its finalizers example.invalid/clean-up"):
            await bench.roll_out(config_map("kept"))
        assert bench.api.get("Deployment", "its-operator", NAMESPACE)

        bench.api.change("Widget", "one", {"metadata": {"finalizers": None}}, NAMESPACE)
        await bench.roll_out(config_map("kept"))
        assert bench.api.get("Deployment", "its-operator", NAMESPACE) is None


@in_virtual_time
async def test_what_an_account_applied_is_not_deleted_with_the_operators_own_rights() -> None:
    async with cluster() as bench:
        bench.account, bench.client = "deployer", bench.client.impersonating(ACCOUNT)
        await bench.roll_out(config_map("old"))
        bench.account, bench.client = "", connect(bench.api)
        bench.api.audit.clear()

        await bench.roll_out(config_map("new"))

        [deleted] = [record for record in bench.api.audit if record.verb == "delete"]
        assert deleted.user == ACCOUNT


@in_virtual_time
async def test_what_can_not_be_deleted_stays_in_the_inventory() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("old"), config_map("older"))
        bench.api.fail(500, match=Match("delete", "ConfigMap", "old"))

        with pytest.raises(RefusedError, match="ConfigMap/old: injected"):
            await bench.roll_out(config_map("new"))
        assert bench.listed() == ["ConfigMap/new", "ConfigMap/old"]

        await bench.roll_out(config_map("new"))
        assert bench.listed() == ["ConfigMap/new"]


@in_virtual_time
async def test_a_kind_that_is_gone_has_nothing_left_to_delete() -> None:
    async with cluster() as bench:
        bench.api.define(widgets())
        bench.account, bench.client = "deployer", bench.client.impersonating(ACCOUNT)
        await bench.roll_out(widget())
        bench.api.delete("CustomResourceDefinition", "widgets.example.invalid")

        await bench.roll_out(config_map())

        assert bench.listed() == ["ConfigMap/settings"]


@in_virtual_time
async def test_a_server_that_fails_is_no_reason_to_write() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map())
        bench.api.audit.clear()
        bench.api.fail(503, times=50)

        with pytest.raises((ApiError, RefusedError)):
            await bench.roll_out(config_map(a="2"))

        assert all(record.status == 503 for record in bench.api.audit)


@in_virtual_time
async def test_who_may_not_apply_elsewhere_keeps_nobody_there_off_their_own() -> None:
    """Not even while it is found out."""
    async with cluster(NAMESPACE, "elsewhere") as bench:
        theirs = config_map("theirs", namespace="elsewhere", a="1")
        neighbour = of_another_app(bench, Owner("elsewhere", "neighbour"))
        stranger = replace(bench, account="deployer", client=bench.client.impersonating(ACCOUNT))
        bench.api.rights.deny(user=ACCOUNT, verb="patch", namespace="elsewhere")

        with bench.api.paused(Match("apply", "ConfigMap", "theirs")) as pause:
            trying = asyncio.create_task(stranger.roll_out(config_map("theirs", namespace="elsewhere", a="2")))
            await pause.reached.wait()
            reserved = bench.cache.reserve(neighbour.owner, [key_of(theirs)])
            bench.cache.release(neighbour.owner)
        with pytest.raises(RefusedError):
            await trying

        assert reserved == {}
        await neighbour.roll_out(theirs)


@in_virtual_time
async def test_two_that_may_apply_elsewhere_do_not_both_get_it() -> None:
    async with cluster(NAMESPACE, "elsewhere") as bench:
        other = of_another_app(bench, OTHER)
        made = config_map("one", namespace="elsewhere", a="theirs")
        ledger = Ledger(other.inventory, other._save)
        with other.session(ledger) as session:
            changes = await session.check(plan_of([owned_by(OTHER, made)]))
            with pytest.raises(ClaimedError):
                await bench.roll_out({**made, "data": {"a": "1"}})
            await session.apply(changes)

        assert bench.api.live("ConfigMap", "one", "elsewhere")["data"] == {"a": "theirs"}
