"""As whom an app's objects are applied and deleted, and what is told where that is not allowed."""

from typing import Any

from harness.cluster import APP, NAMESPACE, config_map, fake_cluster, obj, owned_by
from harness.fakekube import Match
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.apply.lending import Lent
from kotsapp.names import KIND
from kotsapp.reconcile.services import Settings

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:deployer"
ELSEWHERE = "elsewhere"


def with_account(operator: Operator) -> None:
    operator.api.put(obj("ServiceAccount", "deployer"))


def put_app(operator: Operator, *objects: Any, account: str | None = "deployer") -> None:
    operator.put_app(*objects, **({"serviceAccountName": account} if account else {}))


@in_virtual_time
async def test_objects_are_written_as_the_account_and_everything_else_as_the_operator(signer: Signer) -> None:
    async with operating(signer) as operator:
        with_account(operator)
        put_app(operator, config_map(a="1"))
        await operator.until_ready()

        users = {(record.verb, record.kind): record.user for record in operator.api.audit if record.writes}
        assert users["apply", "ConfigMap"] == ACCOUNT
        assert users["patch", KIND] is None
        assert users["create", "Event"] is None


@in_virtual_time
async def test_an_account_that_may_not_be_acted_as_is_told_with_what_an_administrator_does(signer: Signer) -> None:
    async with operating(signer) as operator:
        with_account(operator)
        denial = operator.api.rights.deny(verb="impersonate", resource="serviceaccounts")
        put_app(operator, config_map(a="1"))
        await operator.until_reason("ImpersonationForbidden")
        assert "--serviceaccount kotsapp-system:kotsapp-operator" in operator.message()
        assert operator.api.get("ConfigMap", "settings", NAMESPACE) is None

        operator.api.rights.allow(denial)
        await operator.until_ready()


@in_virtual_time
async def test_an_account_without_rights_is_told_with_the_command_that_grants_them(signer: Signer) -> None:
    async with operating(signer) as operator:
        with_account(operator)
        denial = operator.api.rights.deny(user=ACCOUNT, resource="configmaps")
        put_app(operator, config_map(a="1"))

        await operator.until_reason("ObjectRefused")
        command = f"kubectl create rolebinding deployer-edit --namespace {NAMESPACE} --clusterrole edit"
        assert command in operator.message()
        operator.api.rights.allow(denial)
        await operator.until_ready()


@in_virtual_time
async def test_an_account_that_is_not_there_is_told_by_name(signer: Signer) -> None:
    async with operating(signer) as operator:
        denial = operator.api.rights.deny(verb="impersonate", resource="serviceaccounts")
        put_app(operator, config_map(a="1"))
        await operator.until_reason("ServiceAccountNotFound")
        operator.api.rights.allow(denial)  # that is told only when there is somebody to act as
        put_app(operator, config_map(a="1"))
        await operator.until_reason("ServiceAccountNotFound")
        assert f"there is no ServiceAccount {NAMESPACE}/deployer" in operator.message()
        assert operator.message().endswith("kubectl apply -k deploy/deployer/namespace")

        with_account(operator)
        await operator.until_ready()


@in_virtual_time
async def test_an_app_that_names_no_account_is_applied_as_the_default_one_of_its_namespace(signer: Signer) -> None:
    async with operating(signer, default_account="deployer") as operator:
        put_app(operator, config_map(a="1"), account=None)
        await operator.until_reason("ServiceAccountNotFound")
        assert operator.message().startswith("--default-service-account deployer: ")
        assert operator.api.get("ConfigMap", "settings", NAMESPACE) is None, "by the operator's own rights"

        with_account(operator)
        await operator.until_ready()

        assert {r.user for r in operator.api.audit if r.writes and r.kind == "ConfigMap"} == {ACCOUNT}
        assert "serviceAccountName" not in operator.api.live(KIND, "my-app", NAMESPACE)["spec"]


@in_virtual_time
async def test_an_account_that_an_app_names_counts_more_than_the_default_one(signer: Signer) -> None:
    async with operating(signer, default_account="nobody") as operator:
        with_account(operator)
        put_app(operator, config_map(a="1"))
        await operator.until_ready()

        assert {r.user for r in operator.api.audit if r.writes and r.kind == "ConfigMap"} == {ACCOUNT}


@in_virtual_time
async def test_an_account_that_is_brought_is_made_where_as_much_is_lent(signer: Signer) -> None:
    brought = [obj("ServiceAccount", "runner"), config_map(a="1")]
    async with operating(signer) as operator:
        operator.put_app(*brought)
        await operator.until_reason("ObjectRefused")
        assert "ServiceAccount/runner: " in operator.message()
        assert "--lend edit" in operator.message()
        assert operator.api.get("ConfigMap", "settings", NAMESPACE) is None

    async with operating(signer, operator.api, settings=Settings(lent=Lent.EDIT)):
        await operator.until_ready()
        assert operator.api.get("ServiceAccount", "runner", NAMESPACE)


@in_virtual_time
async def test_what_is_no_longer_lent_does_not_keep_an_app_for_ever(signer: Signer) -> None:
    async with operating(signer, settings=Settings(lent=Lent.EDIT)) as operator:
        operator.put_app(obj("ServiceAccount", "runner"), config_map(a="1"))
        await operator.until_ready()
    api = operator.api
    api.rights.deny(verb="delete", resource="serviceaccounts")

    async with operating(signer, api):
        api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: api.get(KIND, "my-app", NAMESPACE) is None)
        await until(lambda: api.get("ServiceAccount", "runner", NAMESPACE) is None)


@in_virtual_time
async def test_an_app_that_names_no_account_any_more_is_cleaned_up_as_the_one_that_applied(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        with_account(operator)
        put_app(operator, config_map("old"))
        await operator.until_ready()

        put_app(operator, config_map("new"), account=None)
        await operator.until_ready()
        operator.api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)

        deleted = {record.name: record.user for record in operator.api.audit if record.verb == "delete"}
        assert deleted == {"old": ACCOUNT, "new": None}


@in_virtual_time
async def test_what_the_former_account_may_not_delete_is_left_and_told(signer: Signer) -> None:
    """Nobody who deletes the app could put that right."""
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        with_account(operator)
        operator.api.rights.deny(user=ACCOUNT, verb="delete")
        operator.put_app(config_map("old"), serviceAccountName="deployer", prune=False)
        await operator.until_ready()
        operator.put_app(config_map("new"), prune=False)
        await operator.until_ready()

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)
        await quiet()

        assert operator.api.get("ConfigMap", "old", NAMESPACE)
        assert operator.api.get("ConfigMap", "new", NAMESPACE) is None
        assert "NotPruned" in operator.events()


@in_virtual_time
async def test_a_right_that_the_account_lacks_keeps_the_app_until_it_has_it(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        with_account(operator)
        put_app(operator, config_map(a="1"))
        await operator.until_ready()
        denial = operator.api.rights.deny(user=ACCOUNT, verb="delete")

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await operator.until_reason("CleanupFailed")
        assert f'User "{ACCOUNT}" cannot delete resource "configmaps"' in operator.whole_message()
        assert "finalizers" in operator.whole_message()
        command = "kubectl create rolebinding deployer-edit --namespace apps --clusterrole edit"
        assert operator.message().endswith(f"{command} --serviceaccount apps:deployer"), "what lets it end is told"

        operator.api.rights.allow(denial)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)


@in_virtual_time
async def test_an_account_that_went_before_its_app_is_told_with_what_brings_it_back(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        with_account(operator)
        put_app(operator, config_map(a="1"))
        await operator.until_ready()
        operator.api.delete("ServiceAccount", "deployer", NAMESPACE)
        denial = operator.api.rights.deny(user=ACCOUNT)

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await operator.until_reason("CleanupFailed")
        whole = operator.whole_message()
        assert "there is no ServiceAccount apps/deployer, which has to delete ConfigMap/settings" in whole
        assert "to let go of what is left: kubectl patch kotsapp my-app" in whole.lower()
        assert operator.message().endswith("to have it deleted: kubectl apply -k deploy/deployer/namespace")

        with_account(operator)
        operator.api.rights.allow(denial)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)
        assert operator.api.get("ConfigMap", "settings", NAMESPACE) is None


@in_virtual_time
async def test_a_namespace_that_goes_is_not_held_up_by_an_account_that_went_before(signer: Signer) -> None:
    api = fake_cluster(NAMESPACE, ELSEWHERE)
    async with operating(signer, api) as operator:
        operator.put_license()
        with_account(operator)
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: outside, namespace: {ELSEWHERE}}}\n"
        operator.put_app(manifests=[{"inline": text}], serviceAccountName="deployer")
        await operator.until_ready()
        operator.api.rights.deny(user=ACCOUNT)

        operator.api.delete("Namespace", NAMESPACE)

        await until(lambda: operator.api.get("Namespace", NAMESPACE) is None)
        assert operator.api.get("ConfigMap", "outside", ELSEWHERE), "only the account could have deleted it"


@in_virtual_time
async def test_without_an_account_nothing_outside_the_namespace_is_applied(signer: Signer) -> None:
    api = fake_cluster(NAMESPACE, ELSEWHERE)
    async with operating(signer, api) as operator:
        operator.put_license()
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: outside, namespace: {ELSEWHERE}}}\n"
        operator.put_app(manifests=[{"inline": text}])

        await operator.until_reason("ObjectRefused")
        assert "serviceAccountName" in operator.message()
        assert operator.api.all("ConfigMap", ELSEWHERE) == []


@in_virtual_time
async def test_a_server_that_fails_is_no_missing_right(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        with_account(operator)
        operator.put_app(config_map("old"), serviceAccountName="deployer", prune=False)
        await operator.until_ready()
        operator.put_app(config_map("new"), prune=False)
        await operator.until_ready()
        fault = operator.api.fail(500, times=10_000, match=Match("delete", "ConfigMap", "old"))

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await operator.until_reason("CleanupFailed")

        fault.times = 0
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)
        assert operator.api.get("ConfigMap", "old", NAMESPACE) is None


@in_virtual_time
async def test_a_status_that_somebody_wrote_lends_no_right_to_delete_elsewhere(signer: Signer) -> None:
    api = fake_cluster(NAMESPACE, ELSEWHERE)
    async with operating(signer, api) as operator:
        operator.put_license()
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
    theirs = owned_by(APP, config_map("theirs", namespace=ELSEWHERE))
    api.put(theirs)
    forged = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "namespace": ELSEWHERE, "digest": "0" * 16}
    inventory = [*operator.status()["inventory"], forged]
    api.change(KIND, "my-app", {"status": {"inventory": inventory}}, NAMESPACE)

    async with operating(signer, api):
        await quiet(30)
        api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: api.get(KIND, "my-app", NAMESPACE) is None)

    assert api.get("ConfigMap", "theirs", ELSEWHERE)
