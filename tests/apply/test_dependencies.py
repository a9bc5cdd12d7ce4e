"""What can't be judged before something else that comes along is there."""

from typing import Any

import pytest

from kotsapp.apply.dependencies import Provided

RBAC = "rbac.authorization.k8s.io/v1"


def obj(api_version: str, kind: str, name: str, namespace: str = "apps", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def pod(**spec: str) -> dict[str, Any]:
    return obj("v1", "Pod", "pod", spec=spec)


def binding(kind: str, role: str, namespace: str = "apps") -> dict[str, Any]:
    return obj(RBAC, "RoleBinding", "bind", namespace, roleRef={"kind": kind, "name": role})


NEEDS = {
    "namespace": (obj("v1", "ConfigMap", "x"), obj("v1", "Namespace", "apps", "")),
    "account": (pod(serviceAccountName="runner"), obj("v1", "ServiceAccount", "runner")),
    "account-by-the-old-field": (pod(serviceAccount="runner"), obj("v1", "ServiceAccount", "runner")),
    "priority": (pod(priorityClassName="high"), obj("scheduling.k8s.io/v1", "PriorityClass", "high", "")),
    "runtime": (pod(runtimeClassName="vm"), obj("node.k8s.io/v1", "RuntimeClass", "vm", "")),
    "role": (binding("Role", "reads"), obj(RBAC, "Role", "reads")),
    "cluster-role": (binding("ClusterRole", "reads"), obj(RBAC, "ClusterRole", "reads", "")),
}
INDEPENDENT = {
    "another-namespace": (obj("v1", "ConfigMap", "x"), obj("v1", "Namespace", "other", "")),
    "an-account-elsewhere": (pod(serviceAccountName="runner"), obj("v1", "ServiceAccount", "runner", "other")),
    "a-role-elsewhere": (binding("Role", "reads"), obj(RBAC, "Role", "reads", "other")),
    "no-account": (pod(), obj("v1", "ServiceAccount", "default")),
    "a-template-s-account": (
        obj("apps/v1", "Deployment", "d", spec={"template": {"spec": {"serviceAccountName": "runner"}}}),
        obj("v1", "ServiceAccount", "runner"),
    ),
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_needs_another_waits_for_it(name: str) -> None:
    needing, needed = NEEDS[name]

    assert Provided.by([needing, needed]).is_needed_by(needing)
    assert not Provided.by([needing]).is_needed_by(needing)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_what_needs_nothing_that_comes_along_is_judged_at_once(name: str) -> None:
    one, other = INDEPENDENT[name]

    assert not Provided.by([one, other]).is_needed_by(one)


def test_a_definition_brings_its_kind() -> None:
    spec = {"group": "example.com", "names": {"kind": "Widget", "plural": "widgets"}}
    crd = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com", "", spec=spec)

    assert Provided.by([crd]).kinds == {("example.com", "Widget")}
