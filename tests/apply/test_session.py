"""A set of objects brought into a cluster."""

import asyncio

import pytest

from harness.cluster import (
    APP,
    NAMESPACE,
    config_map,
    deployment,
    job,
    obj,
    owned_by,
    widget,
    widgets,
)
from harness.fakekube import Match, refused
from harness.sessions import ACCOUNT, Object, cluster
from harness.virtual_time import in_virtual_time
from kotsapp.apply.changes import Removal
from kotsapp.apply.plan import Phase, Plan
from kotsapp.apply.refusals import RefusedError
from kotsapp.kube.objects import key_of

# -- applying


@in_virtual_time
async def test_what_is_as_it_should_be_is_not_written() -> None:
    objects = [config_map(a="1"), deployment(), obj("Secret", "key", data={"a": "YQ=="})]
    async with cluster() as bench:
        await bench.roll_out(*objects)
        bench.api.audit.clear()

        done = await bench.roll_out(*objects)

        assert bench.api.requests() == []
        assert done.applied == done.repaired == ()


@in_virtual_time
async def test_one_changed_object_is_one_write() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("one", a="1"), config_map("two", a="1"))
        bench.api.audit.clear()

        done = await bench.roll_out(config_map("one", a="1"), config_map("two", a="2"))

        assert bench.api.writes() == ["apply ConfigMap/two"]
        assert [str(key) for key in done.applied] == ["ConfigMap/two"]


@in_virtual_time
async def test_a_phase_waits_for_what_the_one_before_has_to_become() -> None:
    """No event tells of it: a field may be anybody's."""
    key = key_of(config_map())
    wanted = {key: [("data.state", ("data", "state"), "done")]}

    def plan(note: str) -> Plan:
        first, second = owned_by(APP, config_map()), owned_by(APP, config_map("after", note=note))
        return Plan((Phase((first,), properties=wanted), Phase((second,))))

    async with cluster() as bench:
        held = await bench.bring(plan("1"))
        assert held.waiting == {key: "to have data.state=done"}
        assert bench.api.get("ConfigMap", "after", NAMESPACE) is None

        bench.api.change("ConfigMap", "settings", {"data": {"state": "done"}}, NAMESPACE)
        done = await bench.bring(plan("1"))
        assert not done.waiting
        assert bench.api.live("ConfigMap", "after", NAMESPACE)["data"] == {"note": "1"}

        bench.api.change("ConfigMap", "settings", {"data": {"state": "anew"}}, NAMESPACE)
        assert not (await bench.bring(plan("1"))).waiting, "what has everything waits for nobody"
        assert (await bench.bring(plan("2"))).waiting


@in_virtual_time
async def test_objects_are_deleted_phase_by_phase() -> None:
    async with cluster() as bench:
        objects = [owned_by(APP, config_map(name)) for name in ("a", "b", "c")]
        phases = {key_of(config_map("a")): 1, key_of(config_map("c")): -1}
        await bench.bring(Plan((Phase(tuple(objects)),), deletion_phases=phases))
        bench.api.audit.clear()

        await bench.roll_out()

        assert bench.api.writes() == [f"delete ConfigMap/{name}" for name in ("c", "b", "a")]


@in_virtual_time
async def test_a_definition_that_is_only_made_where_there_is_none_is_left() -> None:
    async with cluster() as bench:
        made = widgets("made.invalid")
        plan = Plan((Phase((owned_by(APP, made),)),), if_absent=frozenset({key_of(made)}))
        await bench.bring(plan)
        assert bench.api.writes() == ["apply CustomResourceDefinition/widgets.made.invalid"]
        bench.api.audit.clear()

        newer = {**made, "metadata": {**made["metadata"], "annotations": {"version": "newer"}}}
        again = Plan((Phase((owned_by(APP, newer),)),), if_absent=frozenset({key_of(made)}))
        done = await bench.bring(again)
        assert (bench.api.writes(), done.applied, bench.removal) == ([], (), Removal())
        assert bench.listed() == ["CustomResourceDefinition/widgets.made.invalid"]


@in_virtual_time
async def test_the_inventory_is_stored_before_anything_is_written() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("one"), config_map("two"))

        assert bench.saved == [[]]
        assert bench.listed() == ["ConfigMap/one", "ConfigMap/two"]


@in_virtual_time
async def test_nothing_is_written_when_one_object_would_be_refused() -> None:
    async with cluster() as bench:
        with pytest.raises(RefusedError, match=r"Deployment/shop: .*nonsense: field not declared in schema"):
            await bench.roll_out(config_map(), deployment(nonsense=1))

        assert bench.api.writes() == []
        assert bench.listed() == []


@in_virtual_time
async def test_what_others_need_is_applied_first() -> None:
    pod = {"containers": [{"name": "main", "image": "x"}]}
    async with cluster() as bench:
        await bench.roll_out(
            deployment(),
            obj("Pod", "a", spec=pod),
            obj("Service", "web", spec={"ports": [{"port": 80}]}),
            config_map(),
            obj("ServiceAccount", "runner"),
        )

        kinds = [write.split()[1].partition("/")[0] for write in bench.api.writes()]
        assert kinds[:3] == ["ServiceAccount", "ConfigMap", "Service"]
        assert sorted(kinds[3:]) == ["Deployment", "Pod"]


@in_virtual_time
async def test_a_definition_and_its_resource_and_a_namespace_and_what_is_in_it_come_together() -> None:
    async with cluster() as bench:
        bench.account = "deployer"
        bench.client = bench.client.impersonating(ACCOUNT)
        made = obj("Namespace", "made", namespace="")

        await bench.roll_out(widget(spec={"a": 1}), widgets(), config_map("inside", namespace="made"), made)

        assert bench.api.get("Widget", "one", NAMESPACE)
        assert bench.api.get("ConfigMap", "inside", "made")


@in_virtual_time
async def test_a_definition_that_takes_its_time_is_waited_for() -> None:
    async with cluster() as bench:
        bench.account = "deployer"
        bench.client = bench.client.impersonating(ACCOUNT)
        bench.api.establishes = False

        with pytest.raises(RefusedError, match="the API server is not done with it after 30 s"):
            await bench.roll_out(widgets(), widget())

        bench.api.establishes = True
        bench.api.establish("widgets.example.invalid")
        await bench.roll_out(widgets(), widget())
        assert bench.api.get("Widget", "one", NAMESPACE)


@in_virtual_time
async def test_a_webhooks_refusal_of_a_secret_is_told_without_its_words() -> None:
    def deny(made: Object, _: object) -> None:
        if made["kind"] == "Secret":
            raise refused(400, f'admission webhook "x.invalid" denied the request: password {made["data"]["a"]}')

    async with cluster() as bench:
        bench.api.admit_by(deny)
        with pytest.raises(RefusedError) as caught:
            await bench.roll_out(obj("Secret", "key", data={"a": "aHVudGVyMg=="}))

        assert "denied the request" in str(caught.value)
        assert "aHVudGVyMg" not in str(caught.value)


@in_virtual_time
async def test_a_failed_write_leaves_what_came_before_it_in_the_inventory() -> None:
    async with cluster() as bench:
        bench.api.fail(500, match=Match("apply", "Deployment", dry_run=False))
        with pytest.raises(RefusedError) as caught:
            await bench.roll_out(config_map(), deployment())
        assert caught.value.transient
        assert bench.api.writes() == ["apply ConfigMap/settings", "apply Deployment/shop"]
        assert bench.listed() == ["ConfigMap/settings", "Deployment/shop"], "it may have been made"

        bench.api.audit.clear()
        await bench.roll_out(config_map(), deployment())
        assert bench.api.writes() == ["apply Deployment/shop"]


@in_virtual_time
async def test_an_answer_that_is_lost_is_no_reason_to_forget_the_object() -> None:
    async with cluster() as bench:
        bench.api.fail(0, match=Match("apply", "ConfigMap", dry_run=False), lost=True)
        with pytest.raises(RefusedError):
            await bench.roll_out(config_map())

        assert bench.api.get("ConfigMap", "settings", NAMESPACE)
        assert bench.listed() == ["ConfigMap/settings"]


# -- what can't be changed


@in_virtual_time
async def test_a_field_that_cant_change_is_named_and_nothing_happens() -> None:
    async with cluster() as bench:
        await bench.roll_out(job(), config_map(a="1"))
        bench.api.audit.clear()

        with pytest.raises(RefusedError, match=r"Job/migrate: spec.template.*image can't be changed") as caught:
            await bench.roll_out(job(image="example.invalid/shop:2"), config_map(a="2"))

        assert not caught.value.transient
        assert bench.api.writes() == []


@in_virtual_time
async def test_with_force_it_is_made_anew() -> None:
    async with cluster() as bench:
        await bench.roll_out(job())
        before = bench.api.live("Job", "migrate", NAMESPACE)
        bench.api.audit.clear()

        await bench.roll_out(job(image="example.invalid/shop:2"), force=True)

        after = bench.api.live("Job", "migrate", NAMESPACE)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "example.invalid/shop:2"
        assert bench.api.writes() == ["apply Job/migrate", "delete Job/migrate", "apply Job/migrate"]


@in_virtual_time
async def test_what_another_has_put_in_its_place_meanwhile_is_not_deleted() -> None:
    async with cluster() as bench:
        await bench.roll_out(job())
        with bench.api.paused(Match("delete", "Job")) as pause:
            rolling = asyncio.create_task(bench.roll_out(job(image="example.invalid/shop:2"), force=True))
            await pause.reached.wait()
            bench.api.delete("Job", "migrate", NAMESPACE)
            theirs = bench.api.put(job(image="example.invalid/theirs:1"))
        with pytest.raises(RefusedError):
            await rolling

        assert bench.api.live("Job", "migrate", NAMESPACE)["metadata"]["uid"] == theirs["metadata"]["uid"]


@in_virtual_time
async def test_an_old_object_that_is_slow_to_go_is_waited_for() -> None:
    held = job()
    held["metadata"]["finalizers"] = ["example.invalid/hold"]
    async with cluster() as bench:
        await bench.roll_out(held)
        with pytest.raises(RefusedError, match="was deleted to be made anew"):
            await bench.roll_out(job(image="example.invalid/shop:2"), force=True)


@in_virtual_time
async def test_a_strategy_that_does_not_roll_takes_the_place_of_one_that_does() -> None:
    """The defaults of the old one are nobody's, and stand in the way of the new one."""
    async with cluster() as bench:
        await bench.roll_out(deployment())

        await bench.roll_out(deployment(strategy={"type": "Recreate"}))

        live = bench.api.live("Deployment", "shop", NAMESPACE)
        assert live["spec"]["strategy"] == {"type": "Recreate"}
        assert "paused" not in live["spec"]
