"""A set of objects brought into a cluster, kept as it is, and taken out of it again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harness.cluster import (
    APP,
    NAMESPACE,
    config_map,
    deployment,
    fake_cluster,
    job,
    obj,
    owned_by,
    watched_objects,
    widget,
    widgets,
)
from harness.fakekube import FakeApi, Match, connect, refused
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.changes import Changes, ChangeSet, Removal
from kotsapp.apply.drift import Known
from kotsapp.apply.inventory import Inventory, Marks
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.ownership import Applicant, ClaimedError, NotOursError, TakenError
from kotsapp.apply.plan import Phase, Plan
from kotsapp.apply.refusals import RefusedError
from kotsapp.apply.session import Cluster, Session, SessionOptions
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey, Owner, key_of
from kotsapp.names import NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION

Object = dict[str, Any]
OTHER = Owner(NAMESPACE, "other-app")
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:deployer"


def plan_of(objects: Sequence[Object], exclusive: Sequence[Object] = ()) -> Plan:
    keys = frozenset(key_of(one) for one in exclusive)
    return Plan((Phase((*objects, *exclusive)),), keys)


@dataclass(slots=True)
class Bench:
    """One app's sessions on a fake cluster; the inventory is kept between them, as in a status."""

    api: FakeApi
    cache: OwnedObjects
    client: KubeClient
    owner: Owner = APP
    account: str = ""
    inventory: Inventory = field(default_factory=lambda: Inventory({}))
    saved: list[list[str]] = field(default_factory=list)
    holders: dict[Owner, set[ObjectKey]] = field(default_factory=dict)
    removal: Removal = field(default_factory=Removal)

    @property
    def applicant(self) -> Applicant:
        labels = {NAMESPACE_LABEL: self.owner.namespace, NAME_LABEL: self.owner.name}
        marks = Marks(labels, f"uid-of-{self.owner.name}", PRUNE_ANNOTATION, FIELD_MANAGER)
        return Applicant(self.owner, marks, self.account)

    def session(self, ledger: Ledger, options: SessionOptions | None = None) -> Session:
        cluster = Cluster(self.client, self.cache, self._client_of, self._holds)
        return Session(self.applicant, cluster, Known(self.inventory), ledger, options or SessionOptions(b"key"))

    async def roll_out(self, *objects: Object, exclusive: Sequence[Object] = (), force: bool = False) -> ChangeSet:
        """Check, apply and prune; the objects are labelled as a plan labels them."""
        plan = plan_of([owned_by(self.owner, one) for one in objects], [owned_by(self.owner, one) for one in exclusive])
        return await self.bring(plan, force=force)

    async def bring(self, plan: Plan, *, force: bool = False) -> ChangeSet:
        ledger = Ledger(self.inventory, self._save)
        try:
            with self.session(ledger, SessionOptions(b"key", lambda _: force)) as session:
                changes: Changes = await session.check(plan)
                done = await session.apply(changes)
                self.removal = await session.prune(changes)
                session.watch_only_own(plan)
        finally:
            self.inventory = ledger.inventory
        await quiet()
        return done

    def listed(self) -> list[str]:
        return sorted(str(entry.key) for entry in self.inventory.entries.values())

    async def _save(self, _: bool) -> None:
        self.saved.append(self.api.writes())

    async def _holds(self, owner: Owner, key: ObjectKey) -> bool:
        return key in self.holders.get(owner, ())

    def _client_of(self, account: str) -> KubeClient:
        return self.client.impersonating(f"system:serviceaccount:{NAMESPACE}:{account}") if account else self.client


@asynccontextmanager
async def cluster(*namespaces: str) -> AsyncIterator[Bench]:
    api = fake_cluster(*namespaces)
    cache, _ = watched_objects()
    try:
        yield Bench(api, cache, connect(api))
    finally:
        await cache.close()


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


# -- drift


@in_virtual_time
async def test_what_somebody_changed_is_repaired_and_nothing_else() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map("one", a="1"), config_map("two", a="1"))
        bench.api.change("ConfigMap", "one", {"data": {"a": "other"}}, NAMESPACE)
        await quiet()
        bench.api.audit.clear()

        done = await bench.roll_out(config_map("one", a="1"), config_map("two", a="1"))

        assert bench.api.writes() == ["apply ConfigMap/one"]
        assert [str(key) for key in done.repaired] == ["ConfigMap/one"]
        assert bench.api.live("ConfigMap", "one", NAMESPACE)["data"] == {"a": "1"}


@in_virtual_time
async def test_what_somebody_deleted_is_made_again() -> None:
    async with cluster() as bench:
        await bench.roll_out(config_map(a="1"))
        bench.api.delete("ConfigMap", "settings", NAMESPACE)
        await quiet()

        done = await bench.roll_out(config_map(a="1"))

        assert [str(key) for key in done.repaired] == ["ConfigMap/settings"]


@in_virtual_time
async def test_what_others_add_is_theirs() -> None:
    async with cluster() as bench:
        await bench.roll_out(deployment())
        bench.api.change("Deployment", "shop", {"spec": {"replicas": 5}}, NAMESPACE)
        await quiet()
        bench.api.audit.clear()

        await bench.roll_out(deployment())

        assert bench.api.writes() == []
        assert bench.api.live("Deployment", "shop", NAMESPACE)["spec"]["replicas"] == 5


@in_virtual_time
async def test_a_fight_is_told_with_the_field_and_the_other_side_and_slows_down() -> None:
    async with cluster() as bench:
        history = Known(Inventory({})).repairs
        contested = None
        for _ in range(8):
            plan = plan_of([owned_by(APP, config_map(a="1"))])
            ledger = Ledger(bench.inventory, bench._save)
            cluster_ = Cluster(bench.client, bench.cache, bench._client_of, bench._holds)
            known = Known(bench.inventory, history)
            with Session(bench.applicant, cluster_, known, ledger, SessionOptions(b"key")) as session:
                done = await session.apply(await session.check(plan))
            bench.inventory, history, contested = ledger.inventory, done.repairs, done.contested
            bench.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, NAMESPACE, manager="argocd")
            await quiet()

        assert contested is not None
        assert "ConfigMap/settings: data.a was taken back" in contested.message
        assert "by argocd" in contested.message
        assert contested.wait > 0


@in_virtual_time
async def test_a_job_that_ended_and_removed_itself_is_not_run_again() -> None:
    async with cluster() as bench:
        await bench.roll_out(job(ttlSecondsAfterFinished=60))
        ended = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
        bench.api.change("Job", "migrate", {"status": ended}, NAMESPACE)
        await quiet()
        bench.api.delete("Job", "migrate", NAMESPACE)
        await quiet()
        bench.api.audit.clear()

        done = await bench.roll_out(job(ttlSecondsAfterFinished=60))

        assert bench.api.writes() == []
        assert [str(key) for key in done.ended] == ["Job/migrate"]


@in_virtual_time
async def test_where_nothing_may_be_watched_every_object_is_read_and_drift_still_found() -> None:
    async with cluster() as bench:
        bench.api.rights.deny(verb="list", resource="configmaps")
        await bench.roll_out(config_map(a="1"))
        bench.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, NAMESPACE)

        done = await bench.roll_out(config_map(a="1"))

        assert [str(key) for key in done.repaired] == ["ConfigMap/settings"]
        assert {kind.kind for kind in done.unwatched} == {"ConfigMap"}


# -- whose it is


@in_virtual_time
async def test_an_object_that_is_there_already_is_not_taken_over_with_the_operators_rights() -> None:
    async with cluster() as bench:
        bench.api.put(config_map(a="theirs"), manager="helm")

        with pytest.raises(NotOursError, match=r"ConfigMap/settings is there already .*managed by helm"):
            await bench.roll_out(config_map(a="1"))

        assert bench.api.writes() == []
        assert bench.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "theirs"}


@in_virtual_time
async def test_with_an_account_rbac_decides_about_what_is_there_already() -> None:
    async with cluster() as bench:
        bench.account, bench.client = "deployer", bench.client.impersonating(ACCOUNT)
        bench.api.put(config_map(a="theirs"), manager="helm")

        await bench.roll_out(config_map(a="1"))

        assert bench.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "1"}
        assert {record.user for record in bench.api.audit if record.kind == "ConfigMap"} == {ACCOUNT}


@in_virtual_time
async def test_what_an_account_may_not_is_told_with_the_object() -> None:
    async with cluster() as bench:
        bench.account, bench.client = "deployer", bench.client.impersonating(ACCOUNT)
        bench.api.rights.deny(user=ACCOUNT, verb="patch", resource="configmaps")

        with pytest.raises(RefusedError, match=rf'ConfigMap/settings: .*User "{ACCOUNT}" cannot patch resource'):
            await bench.roll_out(config_map())


@in_virtual_time
async def test_an_object_of_a_controller_is_left_to_it() -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "boss", "uid": "u-1", "controller": True}
    async with cluster() as bench:
        bench.account, bench.client = "deployer", bench.client.impersonating(ACCOUNT)
        bench.api.put({**config_map(), "metadata": {**config_map()["metadata"], "ownerReferences": [owner]}})

        with pytest.raises(NotOursError, match="ConfigMap/settings belongs to ConfigMap boss"):
            await bench.roll_out(config_map())


@in_virtual_time
async def test_an_object_of_another_app_is_its_own_as_long_as_it_has_it_in_its_inventory() -> None:
    async with cluster() as bench:
        other = replace_owner(bench, OTHER)
        await other.roll_out(config_map(a="theirs"))
        bench.holders[OTHER] = {key_of(config_map())}

        with pytest.raises(ClaimedError, match=f"ConfigMap/settings is claimed by KotsApp {OTHER}"):
            await bench.roll_out(config_map(a="1"))
        assert bench.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "theirs"}

        bench.holders.clear()
        with pytest.raises(NotOursError, match="is there already"):
            await bench.roll_out(config_map(a="1"))


@in_virtual_time
async def test_two_apps_that_come_at_once_do_not_both_get_it() -> None:
    async with cluster() as bench:
        other = replace_owner(bench, OTHER)
        theirs = plan_of([owned_by(OTHER, config_map(a="theirs"))])
        ledger = Ledger(other.inventory, other._save)
        with other.session(ledger) as session:
            changes = await session.check(theirs)
            with pytest.raises(ClaimedError):
                await bench.roll_out(config_map(a="1"))
            await session.apply(changes)

        assert bench.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "theirs"}


@in_virtual_time
async def test_the_name_of_an_exclusive_object_may_be_taken() -> None:
    async with cluster() as bench:
        bench.api.put(obj("Secret", "pull", type="Opaque", data={}), manager="kubectl")
        wanted = obj("Secret", "pull", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "e30="})

        with pytest.raises(
            TakenError, match=r"Secret apps/pull of type Opaque is there already and belongs to kubectl"
        ):
            await bench.roll_out(config_map(), exclusive=[wanted])

        assert bench.api.writes() == []


# -- pruning


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
        neighbour = replace_owner(bench, Owner("elsewhere", "neighbour"))
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
        other = replace_owner(bench, OTHER)
        made = config_map("one", namespace="elsewhere", a="theirs")
        ledger = Ledger(other.inventory, other._save)
        with other.session(ledger) as session:
            changes = await session.check(plan_of([owned_by(OTHER, made)]))
            with pytest.raises(ClaimedError):
                await bench.roll_out({**made, "data": {"a": "1"}})
            await session.apply(changes)

        assert bench.api.live("ConfigMap", "one", "elsewhere")["data"] == {"a": "theirs"}


def replace_owner(bench: Bench, owner: Owner) -> Bench:
    """Another app in the same cluster, seen by the same operator."""
    return replace(bench, owner=owner, inventory=Inventory({}))
