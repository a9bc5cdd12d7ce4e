"""The shipped accounts for spec.serviceAccountName: each made in one command, for what it is for and no more."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.apps import PRIVATE, Object, Tenant, config_map, deployment
from harness.running import ROOT
from harness.waiting import until

RBAC = "rbac.authorization.k8s.io"
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


def obj(api_version: str, kind: str, name: str, **fields: Any) -> Object:
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def with_roles() -> list[Object]:
    """A release whose pods read the API by an account of their own."""
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "reader"}
    return [
        obj("v1", "ServiceAccount", "web"),
        obj(f"{RBAC}/v1", "Role", "reader", rules=RULES),
        obj(
            f"{RBAC}/v1",
            "RoleBinding",
            "reader",
            roleRef=reference,
            subjects=[{"kind": "ServiceAccount", "name": "web"}],
        ),
        obj("networking.k8s.io/v1", "NetworkPolicy", "web", spec={"podSelector": {}}),
        deployment("web", PRIVATE, serviceAccountName="web"),
    ]


def apply_deployer(tenant: Tenant, scope: str, folder: Path) -> None:
    """As docs/rights.md says: a copy with the namespace's name."""
    shutil.copytree(ROOT / "deploy" / "deployer", folder / "deployer")
    for file in (folder / "deployer" / scope).iterdir():
        file.write_text(
            file.read_text()
            .replace("namespace: apps", f"namespace: {tenant.namespace}")
            .replace("apps-deployer", f"{tenant.namespace}-deployer")
        )
    tenant.kubectl("apply", "-k", str(folder / "deployer" / scope))


def test_in_a_namespace_it_installs_a_release_with_roles_and_nothing_outside(tenant: Tenant, tmp_path: Path) -> None:
    apply_deployer(tenant, "namespace", tmp_path)
    tenant.put_app("app", with_roles(), serviceAccountName="deployer")
    tenant.wait_ready("app")
    assert tenant.world.api.get(f"/apis/{RBAC}/v1/namespaces/{tenant.namespace}/roles/reader")

    outside = config_map("outside")
    outside["metadata"]["namespace"] = "default"
    tenant.put_app("app", [*with_roles(), outside], serviceAccountName="deployer")

    message = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert "outside" in message
    assert f"rolebinding {tenant.namespace}-deployer-edit --namespace default" in message


def test_in_the_cluster_it_installs_a_release_of_two_namespaces(tenant: Tenant, tmp_path: Path) -> None:
    other = f"{tenant.namespace}-more"
    apply_deployer(tenant, "cluster", tmp_path)
    outside = config_map("outside", a="b")
    outside["metadata"]["namespace"] = other
    cluster_role = obj(f"{RBAC}/v1", "ClusterRole", f"{tenant.namespace}-reader", rules=RULES)

    tenant.put_app(
        "app", [obj("v1", "Namespace", other), outside, cluster_role, *with_roles()], serviceAccountName="deployer"
    )

    tenant.wait_ready("app")
    path = f"/api/v1/namespaces/{other}/configmaps/outside"
    assert tenant.world.api.get(path)["data"] == {"a": "b"}
    tenant.kubectl("delete", "kotsapp", "app")
    until(lambda: not tenant.get("deployments", "web"), "the app is gone")


@pytest.mark.parametrize("brings_roles", [False, True])
def test_an_account_without_rights_is_given_them_by_the_command_that_the_message_ends_with(
    tenant: Tenant, brings_roles: bool
) -> None:
    objects = with_roles() if brings_roles else [deployment("web", PRIVATE), config_map("settings", a="b")]
    tenant.kubectl("create", "serviceaccount", "deployer")
    tenant.put_app("app", objects, serviceAccountName="deployer")
    for reason in ("ImpersonationForbidden", "ObjectRefused"):
        message = tenant.wait_reason("app", reason)["message"]
        assert len(message) <= 600
        tenant.kubectl(*message.rpartition("kubectl ")[2].split())

    tenant.wait_ready("app")
    asked = tenant.kubectl(
        "auth", "can-i", "create", "roles", f"--as=system:serviceaccount:{tenant.namespace}:deployer", check=False
    )
    assert asked.strip() == ("yes" if brings_roles else "no"), "no more is granted than is needed"
