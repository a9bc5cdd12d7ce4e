"""What kubectl, KOTS, Helm or others applied before comes along with its fields, so that what a release drops goes."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from harness.apps import PUBLIC, Object, Tenant, config_map, deployment
from harness.deployer import make_deployer
from harness.objects import obj, service
from harness.waiting import until


def first_release() -> list[Object]:
    """A sidecar, a variable, a volume and a port that the next release has no more."""
    shop = deployment("shop", PUBLIC)
    pod = shop["spec"]["template"]["spec"]
    pod["containers"][0] |= {
        "env": [{"name": "KEPT", "value": "1"}, {"name": "DROPPED", "value": "1"}],
        "volumeMounts": [{"name": "kept", "mountPath": "/kept"}, {"name": "dropped", "mountPath": "/dropped"}],
    }
    pod["containers"].append({"name": "sidecar", "image": PUBLIC})
    pod["volumes"] = [{"name": "kept", "emptyDir": {}}, {"name": "dropped", "emptyDir": {}}]
    ports = [{"name": "web", "port": 80}, {"name": "admin", "port": 81}]
    return [shop, service("shop", ports=ports), config_map("shop", kept="1", dropped="1")]


def next_release() -> list[Object]:
    shop, ports, settings = first_release()
    pod = shop["spec"]["template"]["spec"]
    del pod["containers"][1], pod["volumes"][1]
    del pod["containers"][0]["env"][1], pod["containers"][0]["volumeMounts"][1]
    ports["spec"]["ports"] = [{"name": "web", "port": 8080}]
    del settings["data"]["dropped"]
    return [shop, ports, settings]


def names(items: list[Object], key: str = "name") -> list[Any]:
    return [item[key] for item in items]


def is_next_release(tenant: Tenant) -> bool:
    pod = tenant.get("deployments", "shop")["spec"]["template"]["spec"]
    main = pod["containers"][0]
    return (
        names(pod["containers"]) == ["main"]
        and names(pod["volumes"]) == ["kept"]
        and names(main["env"]) == ["KEPT"]
        and names(main["volumeMounts"]) == ["kept"]
        and names(tenant.get("services", "shop")["spec"]["ports"], "port") == [8080]
        and tenant.get("configmaps", "shop")["data"] == {"kept": "1"}
    )


def text(objects: list[Object]) -> str:
    return yaml.safe_dump_all(objects)


def kubectl(*arguments: str) -> Callable[[Tenant, list[Object]], object]:
    return lambda tenant, objects: tenant.kubectl(*arguments, "-f", "-", stdin=text(objects))


def written_by(manager: str) -> Callable[[Tenant, list[Object]], None]:
    """As a client that sends whole objects under this name."""

    def write(tenant: Tenant, objects: list[Object]) -> None:
        for one in objects:
            plural = f"{one['kind'].lower()}s"
            tenant.world.api.request("POST", tenant.path(plural), one, params={"fieldManager": manager})

    return write


def without_a_record(tenant: Tenant, objects: list[Object]) -> None:
    """As an API server made it that kept no record of fields."""
    written_by("old")(tenant, objects)
    for one in objects:
        path = tenant.path(f"{one['kind'].lower()}s", one["metadata"]["name"])
        tenant.world.api.merge(path, {"metadata": {"managedFields": [{}]}})
        assert "managedFields" not in tenant.world.api.get(path)["metadata"]


INSTALLERS = {
    "kubectl-apply": kubectl("apply"),
    "kubectl-server-side": kubectl("apply", "--server-side"),
    "kubectl-create": kubectl("create"),
    "helm": written_by("helm"),
    "no-record": without_a_record,
}


@pytest.mark.parametrize("installer", INSTALLERS)
def test_what_the_next_release_drops_goes_whoever_applied_it_before(tenant: Tenant, installer: str) -> None:
    account = make_deployer(tenant)
    INSTALLERS[installer](tenant, first_release())
    tenant.put_app("app", first_release(), serviceAccountName=account)
    tenant.wait_ready("app")

    tenant.put_app("app", next_release(), serviceAccountName=account)

    tenant.wait_ready("app")
    assert is_next_release(tenant)
    assert "kubectl.kubernetes.io/last-applied-configuration" not in str(tenant.get("deployments", "shop")["metadata"])


@pytest.mark.parametrize("installer", ["kubectl-apply", "helm"])
def test_a_newer_release_may_be_the_one_that_takes_over(tenant: Tenant, installer: str) -> None:
    """The Service's ports can't all stand together, so that the dry run alone would be refused."""
    INSTALLERS[installer](tenant, first_release())
    objects = ("deployment/shop", "service/shop", "configmap/shop")
    tenant.kubectl("label", *objects, f"kotsapp.dev/namespace={tenant.namespace}", "kotsapp.dev/name=app")

    tenant.put_app("app", next_release())

    tenant.wait_ready("app")
    assert is_next_release(tenant)


def test_an_object_may_have_been_applied_in_another_version_of_its_api(tenant: Tenant) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    older = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 50}
    kubectl("apply")(tenant, [obj("autoscaling/v1", "HorizontalPodAutoscaler", "shop", spec=older)])
    metric = {"type": "Utilization", "averageUtilization": 60}
    newer = {
        "scaleTargetRef": target,
        "maxReplicas": 4,
        "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": metric}}],
    }
    settled = obj("autoscaling/v2", "HorizontalPodAutoscaler", "shop", spec=newer)

    tenant.put_app("app", [settled], serviceAccountName=make_deployer(tenant), wait=False)

    tenant.wait_ready("app")
    spec = tenant.get("horizontalpodautoscalers", "shop")["spec"]
    assert [one["resource"]["name"] for one in spec["metrics"]] == ["memory"]
    assert spec["minReplicas"] == 1, "what the release has no more is the API server's default again"


def test_what_a_person_added_by_hand_stays(tenant: Tenant) -> None:
    kubectl("apply")(tenant, [deployment("shop", PUBLIC), config_map("shop", ours="1")])
    tenant.kubectl("annotate", "deployment/shop", "note=mine")
    tenant.kubectl("patch", "configmap/shop", "-p", '{"data": {"theirs": "1"}}')

    tenant.put_app(
        "app", [deployment("shop", PUBLIC), config_map("shop", ours="1")], serviceAccountName=make_deployer(tenant)
    )

    tenant.wait_ready("app")
    assert tenant.get("deployments", "shop")["metadata"]["annotations"]["note"] == "mine"
    assert tenant.get("configmaps", "shop")["data"] == {"ours": "1", "theirs": "1"}


def test_the_kotsapp_says_from_whom_else(tenant: Tenant) -> None:
    account = make_deployer(tenant)
    written_by("argocd-controller")(tenant, [config_map("shop", kept="1", dropped="1")])
    tenant.put_app("app", [config_map("shop", kept="1")], serviceAccountName=account)
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "shop")["data"] == {"kept": "1", "dropped": "1"}

    tenant.kubectl("annotate", "kotsapp/app", "kotsapp.dev/adopt=argocd-controller")
    tenant.put_app("app", [config_map("shop", kept="2")], serviceAccountName=account)

    tenant.wait_ready("app")
    assert tenant.get("configmaps", "shop")["data"] == {"kept": "2"}


def test_kots_own_labels_stay_so_that_no_pod_is_restarted(tenant: Tenant) -> None:
    mark = {"kots.io/app-slug": "my-kots-app"}
    as_kots = deployment("shop", PUBLIC)
    as_kots["metadata"] |= {"labels": mark | {"kots.io/backup": "velero"}, "annotations": mark}
    labels = {"app": "shop", "kots.io/backup": "velero"}
    as_kots["spec"]["template"]["metadata"] = {"labels": labels, "annotations": mark}
    kubectl("apply")(tenant, [as_kots])
    before = tenant.get("deployments", "shop")

    tenant.put_app("app", [deployment("shop", PUBLIC)], serviceAccountName=make_deployer(tenant))

    tenant.wait_ready("app")
    after = tenant.get("deployments", "shop")
    assert after["spec"] == before["spec"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert len(tenant.all("replicasets")) == 1


def test_nothing_is_taken_over_by_the_operators_own_rights_unless_it_is_handed_over(tenant: Tenant) -> None:
    kots = {"kots.io/app-slug": "my-kots-app"}
    objects = [{**one, "metadata": {**one["metadata"], "labels": kots}} for one in first_release()]
    kubectl("apply")(tenant, objects)

    def found() -> list[Object]:
        """The objects, without what controllers write to their status."""
        lives = [tenant.get(plural, "shop") for plural in ("deployments", "services", "configmaps")]
        records = [[r for r in live["metadata"]["managedFields"] if "subresource" not in r] for live in lives]
        return [{"spec": live.get("spec"), "records": kept} for live, kept in zip(lives, records, strict=True)]

    before = found()

    tenant.put_app("app", next_release())
    tenant.kubectl("annotate", "kotsapp/app", "kotsapp.dev/adopt=kots,kubectl")

    tenant.wait_reason("app", "ObjectRefused")
    message = tenant.condition("app", "WorkloadsApplied")["message"]
    assert "/shop is there already" in message
    assert "-l kots.io/app-slug=my-kots-app" in message
    assert found() == before


def test_a_refused_release_changes_nothing_of_what_somebody_else_applied(tenant: Tenant) -> None:
    account = make_deployer(tenant)
    kubectl("apply")(tenant, first_release())
    broken = service("shop", ports=[{"name": "web", "port": 8080, "targetPort": "Not A Name"}])

    tenant.put_app("app", [broken], serviceAccountName=account)

    assert "Service/shop" in tenant.wait_reason("app", "ObjectRefused")["message"]
    metadata = tenant.get("services", "shop")["metadata"]
    assert {entry["manager"] for entry in metadata["managedFields"]} == {"kubectl-client-side-apply"}


# -- entries that somebody edited


def patched(plural: str, name: str, operations: list[Object]) -> Callable[[Tenant], object]:
    kind = plural.removesuffix("s")
    return lambda tenant: tenant.kubectl("patch", kind, name, "--type=json", "-p", yaml.safe_dump(operations))


def port_edited(tenant: Tenant, index: int, field: str, value: Any) -> None:
    change = [{"op": "replace", "path": f"/spec/ports/{index}/{field}", "value": value}]
    tenant.kubectl("patch", "service", "shop", "--type=json", "-p", yaml.safe_dump(change))


def with_port(name: str) -> Object:
    made = deployment("shop", PUBLIC)
    made["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": name, "containerPort": 8080}]
    return made


@pytest.mark.parametrize(
    ("ports", "edit"),
    [
        pytest.param([{"port": 80}], (0, "port", 8080), id="number"),
        pytest.param([{"port": 80}], (0, "protocol", "UDP"), id="protocol"),
        pytest.param([{"name": "a", "port": 80}, {"name": "b", "port": 81}], (1, "port", 82), id="one-of-two"),
        pytest.param([{"name": "a", "port": 80}, {"name": "b", "port": 81}], (1, "name", "c"), id="name"),
    ],
)
def test_a_port_that_somebody_edited_is_put_right(tenant: Tenant, ports: list[Object], edit: tuple[Any, ...]) -> None:
    tenant.put_app("app", [service("shop", ports=ports)])
    tenant.wait_ready("app")
    wanted = tenant.get("services", "shop")["spec"]["ports"]

    port_edited(tenant, *edit)

    until(lambda: tenant.get("services", "shop")["spec"]["ports"] == wanted, "the port is put right", 10)
    tenant.wait_ready("app")


def test_a_containers_port_that_somebody_edited_is_put_right(tenant: Tenant) -> None:
    tenant.put_app("app", [with_port("web")])
    tenant.wait_ready("app")
    place = "/spec/template/spec/containers/0/ports/0/containerPort"

    patched("deployments", "shop", [{"op": "replace", "path": place, "value": 9090}])(tenant)

    def ports() -> list[Any]:
        container = tenant.get("deployments", "shop")["spec"]["template"]["spec"]["containers"][0]
        return names(container["ports"], "containerPort")

    until(lambda: ports() == [8080], "the port is put right", 10)


def test_a_release_may_change_a_port_that_somebody_edited(tenant: Tenant) -> None:
    tenant.put_app("app", [service("shop")])
    tenant.wait_ready("app")
    tenant.put_app("app", [service("shop")], suspend=True)
    port_edited(tenant, 0, "port", 8080)

    tenant.put_app("app", [service("shop", ports=[{"port": 90}])])

    tenant.wait_ready("app")
    assert names(tenant.get("services", "shop")["spec"]["ports"], "port") == [90]


def test_what_stands_beside_an_edited_entry_stays(tenant: Tenant) -> None:
    """A container that somebody put in is no hindrance: the ports of the other one are put right without it."""
    tenant.put_app("app", [with_port("web")])
    tenant.wait_ready("app")
    sidecar = {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "theirs", "image": PUBLIC}}
    place = "/spec/template/spec/containers/0/ports/0/containerPort"

    patched("deployments", "shop", [sidecar, {"op": "replace", "path": place, "value": 9090}])(tenant)

    def containers() -> list[Object]:
        found: list[Object] = tenant.get("deployments", "shop")["spec"]["template"]["spec"]["containers"]
        return found

    until(lambda: names(containers()[0]["ports"], "containerPort") == [8080], "the port is put right", 10)
    assert names(containers()) == ["main", "theirs"]


def test_an_unknown_refusal_is_still_told(tenant: Tenant) -> None:
    tenant.put_app("app", [obj("v1", "Service", "shop", spec={"ports": [{"port": 80}, {"port": 81}]})])

    assert "spec.ports" in tenant.wait_reason("app", "ObjectRefused")["message"]
    assert not tenant.get("services", "shop")
