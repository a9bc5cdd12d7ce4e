"""What was applied is known: pruned when it leaves the manifests, deleted with the app, never taken from others."""

from collections.abc import Callable

import pytest

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, config_map, deployment
from harness.audit import position, writes
from harness.deployer import make_deployer, wait_until_it_may_not_impersonate
from harness.life import unready
from harness.objects import annotated, claim, obj, placed, widgets
from harness.running import Operator
from harness.waiting import stays, until
from localworld.api import ApiError
from localworld.world import World


def listed(tenant: Tenant, name: str = "app") -> set[str]:
    """``Kind/name`` of every object in the inventory, with the namespace where it is another one."""
    found = set()
    for entry in tenant.status(name).get("inventory") or ():
        namespace = entry.get("namespace", "")
        outside = f"{namespace}:" if namespace not in ("", tenant.namespace) else ""
        found.add(f"{outside}{entry['kind']}/{entry['name']}")
    return found


def exists(world: World, path: str) -> bool:
    try:
        world.api.get(path)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True


def delete_app(tenant: Tenant, name: str = "app") -> None:
    tenant.world.api.delete(tenant.path("kotsapps", name))


def wait_gone(tenant: Tenant, plural: str, name: str, seconds: float = 15) -> None:
    until(lambda: not tenant.get(plural, name), f"{plural} {name} is gone", seconds)


def other_namespace(tenant: Tenant, suffix: str = "other") -> str:
    name = f"{tenant.namespace}-{suffix}"
    tenant.world.create_namespace(name)
    return name


# -- pruning


def test_what_leaves_the_manifests_goes_and_so_does_a_pull_secret_that_nothing_needs(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example", PRIVATE), config_map("settings"), config_map("kept")])
    tenant.wait_ready("app")
    assert listed(tenant) == {
        "Deployment/example",
        "ConfigMap/settings",
        "ConfigMap/kept",
        "Secret/my-kots-app-registry",
    }

    tenant.put_app("app", [deployment("example", PUBLIC), config_map("kept")])

    wait_gone(tenant, "configmaps", "settings")
    wait_gone(tenant, "secrets", "my-kots-app-registry")
    tenant.wait_ready("app")
    assert listed(tenant) == {"Deployment/example", "ConfigMap/kept"}
    assert "Pruned" in tenant.events()


def test_a_renamed_object_is_made_before_the_old_one_goes(world: World, tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("before", PUBLIC)])
    tenant.wait_ready("app")
    since = position(world)

    tenant.put_app("app", [deployment("after", PUBLIC)])

    wait_gone(tenant, "deployments", "before")

    def made() -> list[str]:
        return [write for write in writes(world, tenant.namespace, since) if "deployments" in write]

    until(lambda: len(made()) > 1, "both writes are logged")
    assert made() == ["patch deployments after", "delete deployments before"]


def test_without_prune_what_leaves_the_manifests_stays_until_the_app_goes(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings"), config_map("kept")], prune=False)
    tenant.wait_ready("app")

    tenant.put_app("app", [config_map("kept", a="b")], prune=False)

    until(lambda: tenant.get("configmaps", "kept").get("data") == {"a": "b"}, "the change is applied")
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "settings")
    assert listed(tenant) == {"ConfigMap/settings", "ConfigMap/kept"}

    tenant.put_app("app", [config_map("kept", a="b")], prune=True)
    wait_gone(tenant, "configmaps", "settings")


HELMS_KEPT = obj("v1", "ConfigMap", "kept", metadata={"annotations": {"helm.sh/resource-policy": "keep"}})
SPARED = {
    "claim": ("persistentvolumeclaims", claim("kept")),
    "annotated": ("configmaps", annotated(config_map("kept"), prune="disabled")),
    "kept as Helm does": ("configmaps", HELMS_KEPT),
}


@pytest.mark.parametrize("name", SPARED)
def test_what_is_never_pruned_is_left_and_outlives_the_app(tenant: Tenant, name: str) -> None:
    plural, kept = SPARED[name]
    tenant.put_app("app", [kept, config_map("settings")], wait=False)
    tenant.wait_ready("app")
    assert "ownerReferences" not in tenant.get(plural, "kept")["metadata"]

    tenant.put_app("app", [config_map("settings")], wait=False)
    until(lambda: f"{kept['kind']}/kept" not in listed(tenant), "the app lets go of it")
    assert "NotPruned" in until(lambda: [e for e in tenant.events() if "Pruned" in e], "the event is told")
    delete_app(tenant)
    wait_gone(tenant, "kotsapps", "app")
    wait_gone(tenant, "configmaps", "settings")

    stays(lambda: "deletionTimestamp" not in tenant.get(plural, "kept")["metadata"], "it stays", 1)


def test_an_object_that_a_person_marks_afterwards_outlives_the_app_too(tenant: Tenant) -> None:
    """It has the app as its owner by then, for which the garbage collector would delete it."""
    tenant.put_app("app", [config_map("kept"), config_map("settings")])
    tenant.wait_ready("app")
    tenant.kubectl("annotate", "configmap", "kept", "kotsapp.dev/prune=disabled")

    delete_app(tenant)

    wait_gone(tenant, "configmaps", "settings")
    wait_gone(tenant, "kotsapps", "app")
    assert "ownerReferences" not in tenant.get("configmaps", "kept")["metadata"]
    stays(lambda: bool(tenant.get("configmaps", "kept")), "it stays", 1)


def test_definitions_and_namespaces_outlive_the_app(world: World, tenant: Tenant) -> None:
    group, made = f"{tenant.namespace}.example.invalid", f"{tenant.namespace}-made"
    widget = obj(f"{group}/v1", "Widget", "one", metadata={"finalizers": ["example.invalid/slow"]}, spec={})
    objects = [widgets(group), widget, obj("v1", "Namespace", made), placed(config_map("settings"), made)]
    tenant.put_app("app", objects, serviceAccountName=make_deployer(tenant))
    tenant.wait_ready("app")
    widget_path = f"/apis/{group}/v1/namespaces/{tenant.namespace}/widgets/one"

    delete_app(tenant)

    until(lambda: "deletionTimestamp" in world.api.get(widget_path)["metadata"], "the custom resource goes")
    assert tenant.get("kotsapps", "app"), "the app waits for its custom resource's controller"
    world.api.merge(widget_path, {"metadata": {"finalizers": None}})
    wait_gone(tenant, "kotsapps", "app")
    assert not exists(world, widget_path)
    assert not exists(world, f"/api/v1/namespaces/{made}/configmaps/settings")
    assert exists(world, f"/api/v1/namespaces/{made}")
    assert exists(world, f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")


def test_the_controller_of_a_custom_resource_outlives_it_however_long_it_takes(world: World, tenant: Tenant) -> None:
    group = f"{tenant.namespace}.example.invalid"
    widget = obj(f"{group}/v1", "Widget", "one", metadata={"finalizers": ["example.invalid/slow"]}, spec={})
    account = make_deployer(tenant)
    tenant.put_app("app", [widgets(group), widget, deployment("controller", PUBLIC)], serviceAccountName=account)
    tenant.wait_ready("app")

    delete_app(tenant)

    message = tenant.wait_reason("app", "CleanupFailed", 40)["message"]
    assert "Widget/one" in message
    assert "example.invalid/slow" in message
    assert tenant.get("deployments", "controller")
    path = f"/apis/{group}/v1/namespaces/{tenant.namespace}/widgets/one"
    world.api.merge(path, {"metadata": {"finalizers": None}})
    wait_gone(tenant, "kotsapps", "app", 60)
    assert not tenant.get("deployments", "controller")


def test_an_object_that_was_made_anew_by_somebody_else_is_theirs(tenant: Tenant, operator: Operator) -> None:
    tenant.put_app("app", [config_map("settings"), config_map("kept")])
    tenant.wait_ready("app")
    tenant.put_app("app", [config_map("kept")], suspend=True)
    operator.wait_reconciled(tenant.namespace, "app", 2)
    tenant.kubectl("delete", "configmap", "settings")
    tenant.kubectl("create", "configmap", "settings", "--from-literal=by=hand")

    tenant.put_app("app", [config_map("kept")])

    until(lambda: listed(tenant) == {"ConfigMap/kept"}, "the app lets go of it")
    assert tenant.get("configmaps", "settings")["data"] == {"by": "hand"}


def test_an_object_moves_to_another_namespace(tenant: Tenant) -> None:
    other = other_namespace(tenant)
    account = make_deployer(tenant)
    tenant.put_app("app", [deployment("example", PRIVATE)], serviceAccountName=account)
    tenant.wait_ready("app")

    tenant.put_app("app", [placed(deployment("example", PRIVATE), other)], serviceAccountName=account)

    wait_gone(tenant, "deployments", "example")
    wait_gone(tenant, "secrets", "my-kots-app-registry")
    tenant.wait_ready("app")
    assert listed(tenant) == {f"{other}:Deployment/example", f"{other}:Secret/my-kots-app-registry"}
    there = Tenant(tenant.world, tenant.signer, other)
    assert "ownerReferences" not in there.get("deployments", "example")["metadata"]
    delete_app(tenant)
    wait_gone(there, "deployments", "example")
    wait_gone(there, "secrets", "my-kots-app-registry")


# -- what marks an object as the app's


def test_children_have_an_owner_and_nothing_else_of_the_app(world: World, tenant: Tenant) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, labels: {own: label}}\n"
    body: Object = {
        "apiVersion": "kotsapp.dev/v1alpha1",
        "kind": "KotsApp",
        "metadata": {
            "name": "app",
            "labels": {"app.kubernetes.io/instance": "argo-app"},
            "annotations": {"argocd.argoproj.io/tracking-id": "argo-app:x"},
        },
        "spec": {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"inline": text}]},
    }
    world.api.apply(tenant.path("kotsapps", "app"), body)
    tenant.wait_ready("app")

    metadata = tenant.get("configmaps", "settings")["metadata"]

    assert metadata["labels"] == {
        "own": "label",
        "kotsapp.dev/name": "app",
        "kotsapp.dev/namespace": tenant.namespace,
    }
    assert "annotations" not in metadata
    [owner] = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("KotsApp", "app")
    assert owner["uid"] == tenant.app("app")["metadata"]["uid"]
    assert not owner.get("controller")


# -- two apps, one object


def test_an_object_of_two_apps_is_the_firsts_until_it_lets_go(tenant: Tenant) -> None:
    tenant.put_app("first", [config_map("shared", by="first"), config_map("one")])
    tenant.wait_ready("first")

    tenant.put_app("second", [config_map("shared", by="second"), config_map("two")])

    message = tenant.wait_reason("second", "ObjectClaimed")["message"]
    assert "ConfigMap/shared" in message
    assert f"KotsApp {tenant.namespace}/first" in message
    assert tenant.condition("second", "Stalled")["reason"] == "ObjectClaimed"
    assert not tenant.get("configmaps", "two")
    assert tenant.get("configmaps", "shared")["data"] == {"by": "first"}

    tenant.put_app("first", [config_map("one")])

    tenant.wait_ready("second", 10)
    assert tenant.get("configmaps", "shared")["data"] == {"by": "second"}
    tenant.wait_ready("first", 10)
    delete_app(tenant, "first")
    wait_gone(tenant, "configmaps", "one")
    assert tenant.get("configmaps", "shared")["data"] == {"by": "second"}


def test_an_object_is_free_when_the_app_that_has_it_goes(tenant: Tenant) -> None:
    tenant.put_app("first", [config_map("shared", by="first")])
    tenant.wait_ready("first")
    tenant.put_app("second", [config_map("shared", by="second")])
    tenant.wait_reason("second", "ObjectClaimed")

    delete_app(tenant, "first")

    tenant.wait_ready("second", 10)
    assert tenant.get("configmaps", "shared")["data"] == {"by": "second"}


def test_of_two_apps_that_come_at_once_one_gets_the_object(tenant: Tenant) -> None:
    shared = [config_map(f"shared-{number}") for number in range(5)]
    for name in ("a", "b"):
        tenant.put_app(name, [*shared, config_map(name)])

    def reasons() -> list[str]:
        return sorted(tenant.condition(name).get("reason", "") for name in ("a", "b"))

    until(lambda: reasons() == ["ObjectClaimed", "ReconciliationSucceeded"], "one has them, one is told")
    winner = next(name for name in ("a", "b") if tenant.condition(name)["status"] == "True")
    owners = {tenant.get("configmaps", f"shared-{n}")["metadata"]["labels"]["kotsapp.dev/name"] for n in range(5)}
    assert owners == {winner}


# -- the app goes


def test_everything_goes_with_the_app_though_its_license_went_first(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example", PRIVATE), config_map("settings")])
    tenant.wait_ready("app")
    tenant.kubectl("delete", "secret", "my-license")
    tenant.wait_reason("app", "LicenseNotFound")

    delete_app(tenant)

    wait_gone(tenant, "kotsapps", "app")
    for plural, name in (("deployments", "example"), ("configmaps", "settings"), ("secrets", "my-kots-app-registry")):
        wait_gone(tenant, plural, name)


def test_everything_goes_with_the_app_that_was_deleted_while_no_operator_ran(
    tenant: Tenant, operator: Operator
) -> None:
    other = other_namespace(tenant)
    there = Tenant(tenant.world, tenant.signer, other)
    tenant.put_app("app", [placed(config_map("settings"), other)], serviceAccountName=make_deployer(tenant))
    tenant.wait_ready("app")
    operator.stop()
    delete_app(tenant)
    there.kubectl("label", "configmap", "settings", "kotsapp.dev/name-")
    assert tenant.get("kotsapps", "app"), "the finalizer holds it"

    operator.start()

    wait_gone(tenant, "kotsapps", "app")
    assert not there.get("configmaps", "settings")


def test_a_namespace_that_goes_takes_the_app_with_it_and_its_account_does_not_hold_it(
    world: World, tenant: Tenant, new_tenant: Callable[..., Tenant]
) -> None:
    with_account = new_tenant()
    with_account.put_app("app", [deployment("example")], serviceAccountName=make_deployer(with_account))
    tenant.put_app("app", [deployment("example", PRIVATE), config_map("settings")])
    paths = [f"/api/v1/namespaces/{t.namespace}" for t in (tenant, with_account)]
    for one in (tenant, with_account):
        one.wait_ready("app")

    for path in paths:
        world.api.delete(path)

    until(lambda: not any(exists(world, path) for path in paths), "the namespaces are gone", 60)


def test_an_app_whose_account_is_gone_says_so_and_goes_when_the_account_is_back(tenant: Tenant) -> None:
    other = other_namespace(tenant)
    there = Tenant(tenant.world, tenant.signer, other)
    tenant.put_app("app", [placed(config_map("settings"), other)], serviceAccountName=make_deployer(tenant))
    tenant.wait_ready("app")
    tenant.kubectl("delete", "rolebinding", "impersonate")
    wait_until_it_may_not_impersonate(tenant)

    delete_app(tenant)

    message = tenant.wait_reason("app", "CleanupFailed")["message"]
    assert "kubectl create rolebinding kotsapp-operator-impersonate" in message, "what lets it end is told"
    whole = tenant.condition("app", "Reconciling")["message"]
    assert "ConfigMap/settings" in whole
    assert "finalizers" in whole, "and what lets go of it"
    assert there.get("configmaps", "settings")
    role = ["--clusterrole=kotsapp-operator-impersonate", "--serviceaccount=kotsapp-system:kotsapp-operator"]
    tenant.kubectl("create", "rolebinding", "impersonate", *role)
    wait_gone(tenant, "kotsapps", "app", 25)
    assert not there.get("configmaps", "settings")


def test_an_app_made_anew_takes_up_what_the_one_before_it_left(tenant: Tenant) -> None:
    tenant.put_app("app", [claim("data"), config_map("settings")], wait=False)
    tenant.wait_ready("app")
    uid = tenant.get("persistentvolumeclaims", "data")["metadata"]["uid"]
    delete_app(tenant)
    wait_gone(tenant, "kotsapps", "app")

    tenant.put_app("app", [claim("data"), config_map("settings")], wait=False)

    tenant.wait_ready("app")
    assert tenant.get("persistentvolumeclaims", "data")["metadata"]["uid"] == uid


def test_watches_end_with_the_apps_that_needed_them(
    tenant: Tenant, operator: Operator, new_tenant: Callable[..., Tenant]
) -> None:
    def owned() -> int:
        line = next(line for line in operator.metrics().splitlines() if line.startswith("kotsapp_owned_objects "))
        return int(float(line.split()[1]))

    for number in range(20):
        tenant.put_config_map(f"unrelated-{number}", {"a": "b"})
    before = owned()
    tenant.put_app("app", [config_map(f"own-{number}") for number in range(3)])
    tenant.wait_ready("app")
    assert owned() - before == 3

    delete_app(tenant)
    wait_gone(tenant, "kotsapps", "app")
    until(lambda: owned() == before, "nothing of it is kept")


def test_a_pull_secret_stays_as_long_as_a_pod_of_the_older_version_may_need_it(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example", PRIVATE)])
    tenant.wait_ready("app")
    secret = tenant.get("secrets", "my-kots-app-registry")

    tenant.put_app("app", [unready(deployment("example", PUBLIC))], wait=False)
    until(lambda: len(tenant.all("replicasets")) == 2, "the new version is being rolled out")
    tenant.wait_ready("app")
    stays(lambda: tenant.get("secrets", "my-kots-app-registry") == secret, "it is there, untouched", 1.5)

    tenant.put_app("app", [deployment("example", PUBLIC)], wait=False)
    wait_gone(tenant, "secrets", "my-kots-app-registry", 40)


def test_two_apps_of_one_vendor_need_a_pull_secret_each_and_are_told_so(tenant: Tenant) -> None:
    tenant.put_app("first", [deployment("one", PRIVATE)])
    tenant.wait_ready("first")
    tenant.put_app("second", [deployment("two", PRIVATE)])

    ready = tenant.wait_reason("second", "PullSecretClash")
    assert f"is the pull secret of KotsApp {tenant.namespace}/first" in ready["message"]
    assert "spec.pullSecret.name" in ready["message"]
    assert tenant.condition("second", "PullSecretReady")["status"] == "False"

    tenant.put_app("second", [deployment("two", PRIVATE)], pullSecret={"name": "second-registry"})
    tenant.wait_ready("second")


def test_what_an_app_leaves_behind_is_told_when_it_goes(tenant: Tenant) -> None:
    tenant.put_app("app", [annotated(config_map("kept"), prune="disabled"), config_map("settings")])
    tenant.wait_ready("app")

    delete_app(tenant)
    wait_gone(tenant, "kotsapps", "app")

    events = [event for event in tenant.all("events") if event["reason"] == "NotPruned"]
    assert [event["message"] for event in events] == [
        "the app is deleted, left in the cluster: ConfigMap/kept: its annotation kotsapp.dev/prune says disabled"
    ]
