"""Pods that others make, on a real API server with the policy as it is shipped."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from harness.apps import PRIVATE, PROXIED, PUBLIC, SLUG, Object, Tenant, config_map, deployment
from harness.deployer import make_deployer
from harness.running import ROOT, Operator
from harness.shipped_policy import as_documented, served_in, version_in
from harness.vendor_operator import VendorOperator, database, vendor_operator
from harness.waiting import stays, until
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods.policy import LABEL_VALUE
from localworld.layout import PROXY
from localworld.world import World

SERVER, WORKER = "quay.io/my-org/database:v7", "quay.io/my-org/backup:v7"
THEIRS = "quay.io/their-org/tool:v1"
ROUTE = {"pods": {"route": True}}


def pod(name: str, image: str, **spec: Any) -> Object:
    containers = [{"name": "main", "image": image}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def allow(tenant: Tenant) -> None:
    tenant.kubectl("label", "namespace", tenant.namespace, f"{ROUTED_LABEL}={LABEL_VALUE}")


def test_without_the_component_the_condition_says_what_is_missing(tenant: Tenant) -> None:
    """The operator may not look at policies then, and the policy is not there."""
    served = served_in(tenant.world)
    tenant.put_app("app", [config_map("settings")], **ROUTE)
    tenant.wait_ready("app")
    found = until(lambda: tenant.condition("app", "PodsRouted"), "the condition is told")
    assert (found["status"], found["reason"]) == ("False", "PolicyMissing" if served else "PolicyUnsupported")
    assert served or "takes 1.36" in found["message"]


@pytest.fixture(scope="module")
def component(world: World, shared_operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The shipped component, as a user adds it, and an operator that looks at it for the first time."""
    version = version_in(world)
    folder = tmp_path_factory.mktemp("with-pods")
    shutil.copytree(ROOT / "crds", folder / "crds")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("chart", "argocd"))
    (folder / "mine").mkdir()
    mine = {"resources": ["../deploy"], "components": ["../deploy/components/pods"], **as_documented(version)}
    (folder / "mine" / "kustomization.yaml").write_text(yaml.safe_dump(mine))
    world.kubectl("apply", "-k", str(folder / "mine"))
    if shared_operator.running:
        shared_operator.stop()
    shared_operator.start()


@pytest.fixture(scope="module")
def vendor(world: World, component: None) -> Iterator[VendorOperator]:
    for image in (SERVER, WORKER):
        world.push_image(image, proxied_for=SLUG)
    world.push_image(THEIRS)
    with vendor_operator(world, SERVER, WORKER) as operator:
        yield operator


@pytest.fixture
def routing(tenant: Tenant, vendor: VendorOperator) -> Tenant:
    """A namespace where an administrator has allowed it."""
    allow(tenant)
    return tenant


def routed(image: str) -> str:
    return f"{PROXY}/proxy/{SLUG}/{image}"


def images(tenant: Tenant) -> dict[str, str]:
    """What every pod pulls, by its name."""
    return {one["metadata"]["name"]: one["spec"]["containers"][0]["image"] for one in tenant.all("pods")}


def phases(tenant: Tenant) -> dict[str, str]:
    return {one["metadata"]["name"]: str(one["status"].get("phase")) for one in tenant.all("pods")}


def all_run(tenant: Tenant, number: int) -> bool:
    found = phases(tenant)
    return len(found) == number and set(found.values()) == {"Running"}


def wait_all_run(tenant: Tenant, number: int, seconds: float = 120) -> None:
    try:
        until(lambda: all_run(tenant, number), f"{number} pods run", seconds)
    except AssertionError as error:
        reported = (images(tenant), phases(tenant), restarts(tenant), tenant.condition("app", "PodsRouted"))
        raise AssertionError(f"{error}; {reported}") from None


def restarts(tenant: Tenant) -> list[str]:
    return [e["message"] for e in tenant.all("events") if e["reason"] == "PodDeleted"]


EXPECTED = {
    "main-0": routed(SERVER),
    "main-1": routed(SERVER),
    "main-worker-0": routed(WORKER),
    "main-worker-1": routed(WORKER),
}


def test_what_a_vendors_operator_makes_comes_up_without_image_paths(routing: Tenant) -> None:
    tenant = routing
    account = make_deployer(tenant, everywhere=False)
    tenant.put_app("app", [database("main")], serviceAccountName=account, **ROUTE)
    wait_all_run(tenant, 4)

    assert images(tenant) == EXPECTED
    assert tenant.condition("app", "PodsRouted")["status"] == "True"
    reported = "\n".join(restarts(tenant))
    assert "Pod/main-0 of StatefulSet/main" in reported
    assert "Pod/main-worker-0 of Database/main" in reported
    found = tenant.images("app")
    assert {image: found[image]["origin"] for image in found} == {SERVER: "Pods", WORKER: "Pods"}
    assert "imagePaths" not in tenant.app("app")["spec"]


def test_pods_that_are_made_while_the_operator_is_away_are_routed(routing: Tenant, operator: Operator) -> None:
    tenant = routing
    tenant.put_app("app", [config_map("settings")], **ROUTE)
    tenant.wait_ready("app")
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(database("main", replicas=1, workers=1)))
    wait_all_run(tenant, 2)
    operator.kill()

    tenant.kubectl("patch", "database", "main", "--type=merge", "-p", '{"spec":{"replicas":2,"workers":2}}')
    tenant.kubectl("delete", "pod", "main-0", "--wait=false", "--grace-period=0", "--force")
    wait_all_run(tenant, 4)
    assert images(tenant) == EXPECTED


def test_a_burst_of_pods_is_routed_and_none_of_them_made_twice(routing: Tenant, operator: Operator) -> None:
    tenant = routing
    # The release names the image, so that the first pod is routed already.
    tenant.put_app("app", [deployment("known", PRIVATE, replicas=0)], **ROUTE)
    tenant.wait_ready("app")
    until(lambda: tenant.condition("app", "PodsRouted").get("status") == "True", "pods are routed")
    many = deployment("many", PRIVATE, replicas=200)
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(many))
    wait_all_run(tenant, 200)

    assert set(images(tenant).values()) == {PROXIED}
    assert restarts(tenant) == []
    assert tenant.images("app").keys() == {PRIVATE}


def test_a_pod_of_nobody_that_came_too_early_is_told_and_left(routing: Tenant) -> None:
    tenant = routing
    tenant.put_app("app", [config_map("settings")], **ROUTE)
    tenant.wait_ready("app")
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod("early", SERVER)))
    until(lambda: "Pod/early" in tenant.condition("app", "PodsRouted").get("message", ""), "it is told", 60)
    assert images(tenant) == {"early": SERVER}
    assert tenant.condition("app")["status"] == "True"


# -- whoever may write KotsApps, and leads other people's pods nowhere

ATTEMPTS: dict[str, Object] = {
    "a domain of the spec": {"proxy": {"domain": "images.vendor.invalid"}},
    "a domain of the spec for every image": {"proxy": {"domain": "images.vendor.invalid", "publicImages": True}},
    "a domain of the Application": {"application": "images.vendor.invalid"},
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_pod_is_led_to(routing: Tenant, name: str) -> None:
    """What the license does not name: the proxy answers there, and serves the image to the license."""
    tenant = routing
    spec = dict(ATTEMPTS[name])
    objects = [deployment("known", PRIVATE, replicas=0)]
    if domain := spec.pop("application", None):
        application: Object = {"apiVersion": "kots.io/v1beta1", "kind": "Application", "metadata": {"name": "a"}}
        objects.append({**application, "spec": {"proxyRegistryDomain": domain}})
    tenant.put_app("app", objects, **spec, **ROUTE)
    until(lambda: tenant.condition("app", "PodsRouted").get("reason") == "HostNotVouched", "it is told", 40)
    assert tenant.images("app")[PRIVATE]["verified"] == "True"

    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod("other", PRIVATE)))
    assert images(tenant) == {"other": PRIVATE}
    assert "imagePullSecrets" not in tenant.get("pods", "other")["spec"]


def test_every_image_through_the_proxy_takes_no_pod_from_where_it_is(routing: Tenant) -> None:
    """``publicImages`` asks no registry; the proxy is asked all the same, and does not have other people's images."""
    tenant = routing
    tenant.put_app("app", [config_map("settings")], proxy={"publicImages": True}, **ROUTE)
    tenant.wait_ready("app")
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod("theirs", PUBLIC)))
    until(lambda: tenant.images("app").get(PUBLIC), "the image is seen", 30)
    assert tenant.images("app")[PUBLIC]["route"] == "Direct"
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod("more", PUBLIC)))
    assert images(tenant) == {"theirs": PUBLIC, "more": PUBLIC}


def test_the_domain_that_the_license_signs_is_vouched_for(new_tenant: Callable[..., Tenant], component: None) -> None:
    tenant = new_tenant(replicatedProxyDomain="images.license.invalid")
    allow(tenant)
    tenant.put_app("app", [deployment("known", PRIVATE, replicas=0)], **ROUTE)
    tenant.wait_ready("app")
    until(lambda: tenant.condition("app", "PodsRouted").get("status") == "True", "pods are routed", 40)
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod("other", PRIVATE)))
    assert images(tenant) == {"other": f"images.license.invalid/proxy/{SLUG}/{PRIVATE}"}


def test_in_a_namespace_that_no_administrator_has_allowed_nothing_is_touched(tenant: Tenant, component: None) -> None:
    tenant.put_app("app", [deployment("known", PRIVATE, replicas=0)], **ROUTE)
    found = until(
        lambda: c if (c := tenant.condition("app", "PodsRouted")).get("status") == "False" else None, "it is told", 40
    )
    assert found["reason"] == "NamespaceNotLabelled"
    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(pod("other", PRIVATE)))
    assert images(tenant) == {"other": PRIVATE}
    # And the command of the message is what it takes.
    tenant.kubectl(*found["message"].rpartition("kubectl ")[2].split())
    until(lambda: tenant.condition("app", "PodsRouted")["status"] == "True", "pods are routed", 100)


def test_as_an_account_that_may_not_delete_pods_none_is_deleted(routing: Tenant) -> None:
    tenant = routing
    account = make_deployer(tenant, verbs=("get", "list", "watch", "create", "patch"), everywhere=False)
    tenant.put_app("app", [database("main", replicas=1, workers=0)], serviceAccountName=account, **ROUTE)
    until(lambda: "can't be deleted" in tenant.condition("app", "PodsRouted").get("message", ""), "it is told", 60)
    stays(lambda: images(tenant) == {"main-0": SERVER}, "the pod is as it was", 2)
    tenant.kubectl("delete", "pod", "main-0", "--wait=false", "--grace-period=0", "--force")
    until(lambda: images(tenant) == {"main-0": routed(SERVER)}, "a person's deletion does it", 30)
