"""What somebody else changes or deletes is put right within seconds, and a fight over a field is told, not fought."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, config_map, deployment
from harness.audit import position, writes
from harness.deployer import make_deployer
from harness.licenses import Signer
from harness.objects import obj, service, widgets
from harness.running import Operator
from harness.waiting import stays, until
from localworld.api import ApiError
from localworld.world import World

SECONDS = 5.0  # in which drift is repaired


def image(tenant: Tenant) -> str:
    return str(tenant.get("deployments", "example")["spec"]["template"]["spec"]["containers"][0]["image"])


def replicas(tenant: Tenant) -> int:
    return int(tenant.get("deployments", "example")["spec"]["replicas"])


def scaled_by_force(tenant: Tenant) -> None:
    wanted = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "example"}, "spec": {"replicas": 3}}
    tenant.world.api.apply(tenant.path("deployments", "example"), wanted, manager="autoscaler")


def merged(plural: str, name: str, patch: Object) -> Callable[[Tenant], object]:
    return lambda tenant: tenant.world.api.merge(tenant.path(plural, name), patch)


def kubectl(*arguments: str) -> Callable[[Tenant], object]:
    return lambda tenant: tenant.kubectl(*arguments)


DRIFTS: dict[str, tuple[Callable[[Tenant], object], Callable[[Tenant], bool]]] = {
    "image-set": (kubectl("set", "image", "deployment/example", "main=nginx:9"), lambda t: image(t) == PUBLIC),
    "scaled": (kubectl("scale", "deployment/example", "--replicas=2"), lambda t: replicas(t) == 1),
    "applied-by-force": (scaled_by_force, lambda t: replicas(t) == 1),
    "value-changed": (
        merged("configmaps", "settings", {"data": {"a": "theirs"}}),
        lambda t: t.get("configmaps", "settings")["data"]["a"] == "b",
    ),
    "value-removed": (
        merged("configmaps", "settings", {"data": None}),
        lambda t: t.get("configmaps", "settings").get("data") == {"a": "b"},
    ),
    "secret-text-changed": (
        merged("secrets", "credentials", {"stringData": {"password": "theirs"}}),
        lambda t: t.get("secrets", "credentials")["data"]["password"] == "b3Vycw==",
    ),
    "secret-data-removed": (
        merged("secrets", "credentials", {"data": {"password": None}}),
        lambda t: t.get("secrets", "credentials").get("data") == {"password": "b3Vycw=="},
    ),
    "label-removed": (
        kubectl("label", "service", "example", "kotsapp.dev/name-"),
        lambda t: t.get("services", "example")["metadata"]["labels"].get("kotsapp.dev/name") == "app",
    ),
    "label-changed": (
        kubectl("label", "service", "example", "--overwrite", "kotsapp.dev/name=nobody"),
        lambda t: t.get("services", "example")["metadata"]["labels"].get("kotsapp.dev/name") == "app",
    ),
    "owner-removed": (
        merged("services", "example", {"metadata": {"ownerReferences": None}}),
        lambda t: bool(t.get("services", "example")["metadata"].get("ownerReferences")),
    ),
    "deleted": (kubectl("delete", "configmap", "settings"), lambda t: bool(t.get("configmaps", "settings"))),
    "workload-deleted": (kubectl("delete", "deployment", "example"), lambda t: bool(t.get("deployments", "example"))),
    "pull-secret-deleted": (
        kubectl("delete", "secret", "my-kots-app-registry"),
        lambda t: bool(t.get("secrets", "my-kots-app-registry")),
    ),
    "pull-secret-edited": (
        merged("secrets", "my-kots-app-registry", {"data": {".dockerconfigjson": "e30="}}),
        lambda t: t.get("secrets", "my-kots-app-registry")["data"][".dockerconfigjson"] != "e30=",
    ),
}


@pytest.fixture(scope="module")
def drifting() -> dict[str, Tenant]:
    return {}


@pytest.mark.parametrize("name", DRIFTS)
def test_what_somebody_changed_is_put_right(
    drifting: dict[str, Tenant], world: World, signer: Signer, operator: Operator, name: str
) -> None:
    """One app for all of them: each change is another field's, so that nothing is fought over."""
    if not drifting:
        tenant = drifting["tenant"] = Tenant.make(world, signer)
        credentials = obj("v1", "Secret", "credentials", stringData={"password": "ours"})
        objects = [deployment("example", PUBLIC), deployment("routed", PRIVATE), credentials]
        tenant.put_app("app", [*objects, config_map("settings", a="b"), service("example")])
        tenant.wait_ready("app")
    tenant = drifting["tenant"]
    change, repaired = DRIFTS[name]

    change(tenant)

    until(lambda: repaired(tenant), "it is put right", SECONDS)


def test_what_the_manifests_leave_open_is_nobodys_drift(tenant: Tenant) -> None:
    """An autoscaler's replicas, a person's annotation, a sidecar: whoever sets them keeps them."""
    open_ended = deployment("example", PUBLIC)
    del open_ended["spec"]["replicas"]
    tenant.put_app("app", [open_ended])
    tenant.wait_ready("app")
    tenant.kubectl("scale", "deployment/example", "--replicas=2")
    tenant.kubectl("annotate", "deployment/example", "note=mine")

    since = position(tenant.world)
    stays(lambda: replicas(tenant) == 2, "the scale stays", 1.5)

    assert tenant.get("deployments", "example")["metadata"]["annotations"]["note"] == "mine"
    assert not [write for write in writes(tenant.world, tenant.namespace, since) if "deployments" in write]


def test_drift_is_repaired_with_an_account_that_may_not_watch(tenant: Tenant) -> None:
    account = make_deployer(tenant, verbs=("get", "create", "patch", "delete"))
    tenant.put_app("app", [config_map("settings", a="b")], serviceAccountName=account)
    tenant.wait_ready("app")
    tenant.kubectl("delete", "configmap", "settings")

    # Nothing tells the operator; it looks by itself every few minutes, and when it is asked to.
    tenant.kubectl("annotate", "kotsapp", "app", "kotsapp.dev/requestedAt=now")

    until(lambda: bool(tenant.get("configmaps", "settings")), "it is there again", SECONDS)


def test_an_object_that_is_slow_to_go_is_made_anew_when_it_is_gone(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings", a="b")])
    tenant.wait_ready("app")
    path = tenant.path("configmaps", "settings")
    tenant.world.api.merge(path, {"metadata": {"finalizers": ["example.invalid/slow"]}})
    uid = tenant.get("configmaps", "settings")["metadata"]["uid"]
    since = position(tenant.world)

    tenant.kubectl("delete", "configmap", "settings", "--wait=false")

    stays(lambda: tenant.get("configmaps", "settings")["metadata"]["uid"] == uid, "it is slow to go", 1)
    assert not [write for write in writes(tenant.world, tenant.namespace, since) if "configmaps" in write]
    tenant.world.api.merge(path, {"metadata": {"finalizers": None}})

    def anew() -> bool:
        return tenant.get("configmaps", "settings").get("metadata", {}).get("uid") not in (None, uid)

    until(anew, "it is made anew", SECONDS)


def test_what_drifted_waits_for_what_it_needs(tenant: Tenant, world: World) -> None:
    group = f"{tenant.namespace}.example.invalid"
    one = obj(f"{group}/v1", "Widget", "one", spec={})
    definition = widgets(group)
    account = make_deployer(tenant)
    tenant.put_app("app", [definition, one], serviceAccountName=account)
    tenant.wait_ready("app")
    tenant.put_app("app", [definition, one], serviceAccountName=account, suspend=True)
    world.kubectl("delete", "crd", definition["metadata"]["name"])

    changed = {**definition, "metadata": {**definition["metadata"], "annotations": {"version": "2"}}}
    tenant.put_app("app", [changed, one], serviceAccountName=account)

    tenant.wait_ready("app")
    path = f"/apis/{group}/v1/namespaces/{tenant.namespace}/widgets/one"
    until(lambda: world.api.get(path)["metadata"]["uid"], "the custom resource is there again")


@contextmanager
def somebody(change: Callable[[], object]) -> Iterator[None]:
    """Another controller, which does ``change`` over and over."""
    ended = threading.Event()

    def insist() -> None:
        while not ended.wait(0.1):
            try:
                change()
            except ApiError:
                continue

    thread = threading.Thread(target=insist)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_fight_over_a_field_is_told_with_who_takes_it_and_slowed_down(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example", PUBLIC), config_map("settings", a="b")])
    tenant.wait_ready("app")

    with somebody(lambda: scaled_by_force(tenant)):
        message = tenant.wait_reason("app", "FieldContested")["message"]
        since = position(tenant.world)
        stays(lambda: tenant.condition("app")["reason"] == "FieldContested", "it stays told", 1.5)
        repairs = [write for write in writes(tenant.world, tenant.namespace, since) if "deployments" in write]

    assert "Deployment/example: spec.replicas" in message
    assert "by autoscaler" in message
    assert tenant.condition("app", "WorkloadsApplied")["reason"] == "FieldContested"
    assert tenant.condition("app", "Reconciling")["status"] == "True"
    assert repairs == []
    # Everything else of the app is kept true meanwhile.
    tenant.kubectl("delete", "configmap", "settings")
    until(lambda: bool(tenant.get("configmaps", "settings")), "drift elsewhere is repaired", SECONDS)
