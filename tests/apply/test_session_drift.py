"""A set of objects kept as it is while others change it."""

import pytest

from harness.cluster import (
    APP,
    NAMESPACE,
    config_map,
    deployment,
    job,
    owned_by,
    widget,
    widgets,
)
from harness.sessions import cluster, plan_of
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.apply.drift import Known
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.refusals import RefusedError
from kotsapp.apply.session import Cluster, Session, SessionOptions


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
async def test_what_can_not_be_made_again_since_its_kind_is_gone_is_refused_before_anything_is_applied() -> None:
    async with cluster() as bench:
        bench.api.define(widgets())
        await bench.roll_out(widget(), config_map(a="1"))
        bench.api.delete("CustomResourceDefinition", "widgets.example.invalid")
        bench.client.forget_kinds("example.invalid/v1")
        await quiet()
        bench.api.audit.clear()

        with pytest.raises(RefusedError, match="Widget/one: the API server serves no kind Widget") as refused:
            await bench.roll_out(widget(), config_map(a="2"))

        assert not refused.value.transient
        assert bench.api.writes() == []


@in_virtual_time
async def test_what_lost_its_definition_is_made_again_after_it() -> None:
    async with cluster() as bench:
        await bench.roll_out(widgets(), widget())
        bench.api.delete("Widget", "one", NAMESPACE)
        bench.api.delete("CustomResourceDefinition", "widgets.example.invalid")
        bench.client.forget_kinds("example.invalid/v1")
        await quiet()

        done = await bench.roll_out(widgets(), widget())

        repaired = {str(key) for key in done.repaired}
        assert repaired == {"CustomResourceDefinition/widgets.example.invalid", "Widget/one"}


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
