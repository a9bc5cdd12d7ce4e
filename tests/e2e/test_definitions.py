"""Kinds that an app brings objects of, whose definitions somebody else deletes and applies again."""

from harness.apps import Object, Tenant, config_map
from harness.deployer import make_deployer
from harness.running import Operator
from harness.waiting import until

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(group: str) -> Object:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"foos.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "foos", "singular": "foo", "kind": "Foo"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def foo(group: str, name: str = "one") -> Object:
    return {"apiVersion": f"{group}/v1", "kind": "Foo", "metadata": {"name": name}, "spec": {"a": 1}}


def install(tenant: Tenant, group: str) -> None:
    tenant.world.api.apply(f"{DEFINITIONS}/foos.{group}", definition(group))
    tenant.world.kubectl("wait", "--for=condition=Established", f"crd/foos.{group}", "--timeout=20s")


def live_foo(tenant: Tenant, group: str, name: str = "one") -> str:
    return tenant.kubectl("get", f"foos.{group}", name, "--ignore-not-found", "-o", "name", check=False)


def test_a_definition_that_went_and_came_is_used_as_before(tenant: Tenant, operator: Operator) -> None:
    group = "came.invalid"
    install(tenant, group)
    spec = {"serviceAccountName": make_deployer(tenant)}
    tenant.put_app("app", [foo(group), config_map("settings")], **spec)
    tenant.wait_ready("app")
    at = len(operator.said())

    tenant.world.kubectl("delete", "crd", f"foos.{group}")
    reported = tenant.wait_reason("app", "ObjectRefused")
    assert "Foo/one" in reported["message"]
    # Who comes now is told at once what is missing, and waits for no list of it.
    tenant.put_app("second", [foo(group, "two")], **spec)
    tenant.wait_reason("second", "ObjectRefused")

    install(tenant, group)
    tenant.wait_ready("app", 90)
    tenant.wait_ready("second", 90)
    tenant.kubectl("delete", f"foos.{group}", "one")
    until(lambda: live_foo(tenant, group), "it is watched as before")
    assert "in time" not in operator.said(at)


def test_a_definition_that_is_replaced_at_once_is_used_as_before(tenant: Tenant, operator: Operator) -> None:
    group = "replaced.invalid"
    install(tenant, group)
    tenant.put_app("app", [foo(group)], serviceAccountName=make_deployer(tenant))
    tenant.wait_ready("app")
    at = len(operator.said())

    tenant.world.kubectl("delete", "crd", f"foos.{group}")
    install(tenant, group)

    until(lambda: live_foo(tenant, group), "its objects are made again", 90)
    tenant.wait_ready("app", 90)
    tenant.kubectl("delete", f"foos.{group}", "one")
    until(lambda: live_foo(tenant, group), "it is watched as before")
    assert "in time" not in operator.said(at)


def test_an_apps_own_definition_that_is_deleted_comes_again_with_what_it_defines(
    tenant: Tenant, operator: Operator
) -> None:
    group = "own.invalid"
    tenant.put_app("app", [definition(group), foo(group)], serviceAccountName=make_deployer(tenant))
    tenant.wait_ready("app")
    at = len(operator.said())

    tenant.world.kubectl("delete", "crd", f"foos.{group}")

    until(lambda: live_foo(tenant, group), "both are made again", 90)
    tenant.wait_ready("app", 90)
    tenant.kubectl("delete", f"foos.{group}", "one")
    until(lambda: live_foo(tenant, group), "it is watched as before")
    assert "in time" not in operator.said(at)
