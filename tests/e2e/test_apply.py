"""Applying: in order, all or nothing, refusals by name, and no write without a reason."""

import time
from collections import Counter

import pytest

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, config_map, deployment
from harness.audit import position, writes
from harness.deployer import make_deployer
from harness.objects import annotated, job, obj, placed, pod_spec, service, template, widgets
from harness.running import Operator
from harness.waiting import stays, until
from localworld.world import World


def versions(tenant: Tenant, *named: tuple[str, str]) -> list[str]:
    return [tenant.get(plural, name)["metadata"]["resourceVersion"] for plural, name in named]


def selecting(name: str, **labels: str) -> Object:
    """A Deployment with these labels as its selector, which can't be changed afterwards."""
    made = deployment(name, PUBLIC)
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = labels
    return made


# -- order


def test_what_others_need_is_applied_before_them(world: World, tenant: Tenant) -> None:
    objects = [
        deployment("example", PRIVATE, serviceAccountName="runner"),
        service("example"),
        config_map("settings", a="b"),
        obj("v1", "ServiceAccount", "runner"),
    ]
    tenant.put_app("app", objects)
    tenant.wait_ready("app")

    applied = [write.removeprefix("patch ") for write in writes(world, tenant.namespace) if "kotsapps" not in write]
    order = ["serviceaccounts runner", "configmaps settings", "services example", "deployments example"]
    assert [entry for entry in applied if entry in order] == order
    assert applied.index("secrets my-kots-app-registry") < applied.index("deployments example")


def test_a_definition_is_waited_for_and_its_resources_are_watched(tenant: Tenant) -> None:
    group = f"{tenant.namespace}.example.invalid"
    widget = obj(f"{group}/v1", "Widget", "one", spec={"size": 1})
    tenant.put_app("app", [widget, widgets(group)], serviceAccountName=make_deployer(tenant))

    tenant.wait_ready("app")

    path = f"/apis/{group}/v1/namespaces/{tenant.namespace}/widgets/one"
    assert tenant.world.api.get(path)["spec"] == {"size": 1}
    assert {w["kind"] for w in tenant.status("app")["workloads"]} == {"Widget"}
    tenant.world.api.merge(path, {"spec": {"size": 2}})
    until(lambda: tenant.world.api.get(path)["spec"] == {"size": 1}, "drift of the custom resource is repaired", 5)


def test_what_can_only_be_checked_once_its_like_is_there_goes_in_one_apply(tenant: Tenant) -> None:
    """A namespace, an account, a class and a role, each brought along with what the API server refuses without it."""
    tenant.kubectl("create", "serviceaccount", "someone")
    inside, other = tenant.namespace, f"{tenant.namespace}-made"
    rbac = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "someone", "namespace": inside}
    objects = [
        placed(config_map("settings", a="b"), other),
        obj("v1", "Namespace", other),
        obj(
            "v1", "Pod", "bare", spec=pod_spec(PUBLIC, serviceAccountName="runner", priorityClassName=f"{inside}-high")
        ),
        obj("v1", "ServiceAccount", "runner"),
        obj("scheduling.k8s.io/v1", "PriorityClass", f"{inside}-high", value=10),
        obj(
            f"{rbac}/v1",
            "RoleBinding",
            "reads",
            roleRef={"apiGroup": rbac, "kind": "Role", "name": "reads"},
            subjects=[subject],
        ),
        obj(f"{rbac}/v1", "Role", "reads", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    ]
    tenant.put_app("app", objects, serviceAccountName=make_deployer(tenant))

    tenant.wait_ready("app")

    assert tenant.get("pods", "bare")["spec"]["priority"] == 10
    assert tenant.world.api.get(f"/api/v1/namespaces/{other}/configmaps/settings")["data"] == {"a": "b"}


# -- all or nothing


def test_one_refused_object_keeps_everything_as_it_was(world: World, tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings", a="before"), deployment("example", PUBLIC)])
    tenant.wait_ready("app")
    before = versions(tenant, ("configmaps", "settings"), ("deployments", "example"))
    bad = service("broken", ports=[{"port": 99999}])

    tenant.put_app("app", [config_map("settings", a="after"), deployment("example", PRIVATE), config_map("new"), bad])

    message = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert "Service/broken" in message
    assert "99999" in message
    assert tenant.condition("app", "Stalled")["message"] == message
    assert tenant.condition("app", "WorkloadsApplied")["reason"] == "ObjectRefused"
    assert versions(tenant, ("configmaps", "settings"), ("deployments", "example")) == before
    assert not tenant.get("configmaps", "new")
    assert not tenant.get("secrets", "my-kots-app-registry")


def test_every_refused_object_is_named(tenant: Tenant) -> None:
    tenant.put_app("app", [service("one", ports=[{"port": 0}]), service("two", type="Nonsense"), config_map("fine")])

    ready = tenant.wait_reason("app", "ObjectRefused")["message"]

    whole = tenant.condition("app", "WorkloadsApplied")["message"]
    assert ready.startswith("Service/one")
    assert "condition WorkloadsApplied" in ready
    assert "Service/one" in whole
    assert "Service/two" in whole
    assert not tenant.get("configmaps", "fine")


def test_an_object_without_a_name_of_its_own_is_refused_by_what_it_is(tenant: Tenant) -> None:
    nameless = job("x")
    nameless["metadata"] = {"generateName": "migrate-"}

    tenant.put_app("app", [config_map("settings"), nameless])

    message = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert "Job/migrate-*" in message
    assert "metadata.name" in message
    assert not tenant.get("configmaps", "settings")


def test_an_object_that_is_there_twice_is_refused(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings", a="1"), config_map("settings", a="2")])

    assert "ConfigMap/settings is defined twice" in tenant.wait_reason("app", "ObjectRefused")["message"]


# -- what can't be changed


CONFLICTS = {
    "job": ("jobs", job("it", PUBLIC), job("it", PRIVATE), "spec.template"),
    "service": ("services", service("it"), service("it", clusterIP="None"), "spec.clusterIP"),
    "deployment": ("deployments", selecting("it", app="a"), selecting("it", app="b"), "spec.selector"),
    "secret": (
        "secrets",
        obj("v1", "Secret", "it", type="Opaque", data={}),
        obj("v1", "Secret", "it", type="example.com/other", data={}),
        "type",
    ),
    "stateful-set": (
        "statefulsets",
        obj(
            "apps/v1",
            "StatefulSet",
            "it",
            spec={
                "serviceName": "a",
                "replicas": 0,
                "selector": {"matchLabels": {"app": "it"}},
                "template": template("it"),
            },
        ),
        obj(
            "apps/v1",
            "StatefulSet",
            "it",
            spec={
                "serviceName": "b",
                "replicas": 0,
                "selector": {"matchLabels": {"app": "it"}},
                "template": template("it"),
            },
        ),
        "spec",
    ),
    "pod": (
        "pods",
        obj("v1", "Pod", "it", spec=pod_spec(PUBLIC)),
        obj("v1", "Pod", "it", spec=pod_spec(PUBLIC, hostNetwork=True)),
        "spec",
    ),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_a_field_that_cant_be_changed_is_told_and_with_force_the_object_is_made_anew(tenant: Tenant, name: str) -> None:
    plural, first, second, field = CONFLICTS[name]
    tenant.put_app("app", [first, config_map("settings", a="1")], wait=False)
    tenant.wait_ready("app")
    uid = tenant.get(plural, "it")["metadata"]["uid"]

    tenant.put_app("app", [second, config_map("settings", a="2")], wait=False)

    message = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert f"{first['kind']}/it: {field}" in message
    assert "kotsapp.dev/force" in message
    assert len(message) < 500, "the field is named, its value is not shown"
    assert tenant.get("configmaps", "settings")["data"] == {"a": "1"}
    assert tenant.get(plural, "it")["metadata"]["uid"] == uid

    tenant.put_app("app", [annotated(second, force="enabled"), config_map("settings", a="2")], wait=False)

    tenant.wait_ready("app")
    assert tenant.get(plural, "it")["metadata"]["uid"] != uid
    assert tenant.get("configmaps", "settings")["data"] == {"a": "2"}


def test_force_changes_in_place_what_can_be_changed(tenant: Tenant) -> None:
    tenant.put_app("app", [annotated(deployment("example", PUBLIC), force="enabled")])
    tenant.wait_ready("app")
    uid = tenant.get("deployments", "example")["metadata"]["uid"]

    tenant.put_app("app", [annotated(deployment("example", PUBLIC, replicas=2), force="enabled")])

    tenant.wait_ready("app")
    assert tenant.get("deployments", "example")["spec"]["replicas"] == 2
    assert tenant.get("deployments", "example")["metadata"]["uid"] == uid


# -- nothing changed


def test_nothing_changed_means_nothing_written_even_by_an_operator_that_starts_anew(
    world: World, tenant: Tenant, operator: Operator
) -> None:
    secret = obj("v1", "Secret", "settings", stringData={"password": "a"})
    objects = [deployment("example", PRIVATE), secret, service("example"), job("migrate", ttlSecondsAfterFinished=600)]
    tenant.put_app("app", objects)
    tenant.wait_ready("app")
    tenant.put_app("pending", [deployment("unhealthy", PUBLIC)], timeout="1s")
    until(lambda: tenant.condition("pending").get("reason") is not None, "it was looked at")
    tenant.put_app("stalled", [service("broken", ports=[{"port": 0}])])
    tenant.wait_reason("stalled", "ObjectRefused")
    tenant.wait_ready("pending")
    # Events come after the status that they tell of.
    expected = {"ReconciliationSucceeded": 2, "ObjectRefused": 1}
    until(lambda: expected.items() <= Counter(tenant.events()).items(), "all apps' events are there")
    settled = versions(tenant, ("kotsapps", "app"), ("kotsapps", "stalled"))
    since = position(world)
    reported = tenant.status("app")

    def written_nothing(seconds: float) -> None:
        end = time.monotonic() + seconds
        until(lambda: time.monotonic() > end, "the time is over")
        assert writes(world, tenant.namespace, since) == []

    for _ in range(2):
        version = tenant.get("kotsapps", "app")["metadata"]["resourceVersion"]
        tenant.world.api.merge(tenant.path("kotsapps", "app"), {"metadata": {"annotations": {"somebody": version}}})
        written_nothing(1)
    operator.stop()
    restarted = len(operator.said())
    operator.start()
    until(lambda: f"{tenant.namespace}/app: reconciled" in operator.said(restarted), "the app was looked at", 20)
    after = tenant.status("app")
    assert after == reported
    written_nothing(2)

    assert versions(tenant, ("kotsapps", "stalled")) == settled[1:]


def test_status_is_written_once_before_and_once_after_a_change_that_settles_at_once(
    world: World, tenant: Tenant
) -> None:
    tenant.put_app("app", [config_map("settings", a="0")])
    until(lambda: tenant.events() == ["Applied", "ReconciliationSucceeded"], "its events are there")

    def changed(value: str) -> list[str]:
        """What is written for a change, the last of it being the event."""
        since, reported = position(world), len(tenant.events())
        tenant.put_app("app", [config_map("settings", a=value)])
        until(lambda: len(tenant.events()) > reported, "the change is told")
        stays(lambda: tenant.get("configmaps", "settings")["data"] == {"a": value}, "it stays", 0.5)
        return [" ".join(write.split()[:2]) for write in writes(world, tenant.namespace, since)]

    # On a busy machine one of them may take so long that it is told, or that its progress is.
    reported_before = ["patch kotsapps/status"]
    once = ["patch kotsapps/status", "patch configmaps", "patch kotsapps/status", "create events"]
    made: list[list[str]] = []
    while len(made) < 10 and (not made or made[-1] not in (once, reported_before + once)):
        made.append(changed(str(len(made) + 1)))
    assert made[-1] in (once, reported_before + once), made
