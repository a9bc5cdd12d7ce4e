"""Objects that are there already and somebody else's."""

import pytest

from harness.cluster import (
    NAMESPACE,
    config_map,
    obj,
    owned_by,
)
from harness.sessions import ACCOUNT, OTHER, cluster, of_another_app, plan_of
from harness.virtual_time import in_virtual_time
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.ownership import ClaimedError, NotOursError, TakenError
from kotsapp.apply.refusals import RefusedError
from kotsapp.kube.objects import key_of


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
        other = of_another_app(bench, OTHER)
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
        other = of_another_app(bench, OTHER)
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
