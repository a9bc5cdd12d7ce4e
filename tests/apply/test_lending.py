"""To which kinds the operator's own rights are lent, and that they are those of its shipped roles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kotsapp.apply.lending import EDIT, WORKLOADS, Kinds, Lent, Loan
from kotsapp.apply.policy import refusal

RBAC = Path(__file__).parents[2] / "deploy" / "base" / "rbac.yaml"
APPLY = {"get", "list", "watch", "create", "patch", "delete"}
PLURALS = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}


def rules(role: str) -> list[dict[str, Any]]:
    [found] = [
        document["rules"]
        for document in yaml.safe_load_all(RBAC.read_text())
        if document["kind"] == "ClusterRole" and document["metadata"]["name"] == role
    ]
    return list(found)


def resources(kinds: Kinds) -> dict[str, set[str]]:
    return {group: {PLURALS.get(kind, f"{kind.lower()}s") for kind in of} for group, of in kinds.items()}


@pytest.mark.parametrize(("role", "kinds"), [("kotsapp-operator", WORKLOADS), ("kotsapp-operator-lend-edit", EDIT)])
def test_the_shipped_role_lets_the_operator_apply_these_kinds_and_no_others(role: str, kinds: Kinds) -> None:
    granted: dict[str, set[str]] = {}
    for rule in rules(role):
        if "create" in rule["verbs"] and rule["resources"] != ["events"]:
            [group] = rule["apiGroups"]
            granted.setdefault(group, set()).update(rule["resources"])
            assert set(rule["verbs"]) == APPLY

    assert granted == resources(kinds)


@pytest.mark.parametrize("role", ["kotsapp-operator", "kotsapp-operator-lend-edit"])
def test_the_shipped_roles_give_no_right_to_give_rights(role: str) -> None:
    """Nobody who may write a KotsApp may come to bind roles, impersonate or read tokens by it."""
    verbs = {verb for rule in rules(role) for verb in rule["verbs"]}
    asked = {resource for rule in rules(role) for resource in rule["resources"]}

    assert not verbs & {"*", "impersonate", "bind", "escalate", "deletecollection"}
    assert not asked & {"*", "pods/exec", "serviceaccounts/token", "nodes", "roles", "clusterroles"}


def obj(kind: str, api_version: str = "v1", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it", "namespace": "apps"}, "spec": spec}


def scaler(name: str, kind: str = "Deployment", api_version: str = "apps/v1") -> dict[str, Any]:
    target = {"apiVersion": api_version, "kind": kind, "name": name}
    return obj("HorizontalPodAutoscaler", "autoscaling/v2", scaleTargetRef=target)


REACHES_OTHERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "an account": (obj("ServiceAccount"), "ServiceAccount/it: not applied"),
    "traffic of others' pods": (obj("NetworkPolicy", "networking.k8s.io/v1"), "NetworkPolicy/it: not applied"),
    "evictions of others' pods": (obj("PodDisruptionBudget", "policy/v1"), "PodDisruptionBudget/it: not applied"),
    "a host's name": (obj("Ingress", "networking.k8s.io/v1"), "Ingress/it: not applied"),
    "a node's port": (obj("Service", type="NodePort"), "type NodePort"),
    "the provider's bill": (obj("Service", type="LoadBalancer"), "type LoadBalancer"),
    "another's name": (obj("Service", type="ExternalName", externalName="example.com"), "type ExternalName"),
    "an address": (obj("Service", externalIPs=["192.0.2.1"]), "spec.externalIPs"),
    "others' replicas": (scaler("theirs"), "scale what this app does not bring"),
    "replicas of another kind": (scaler("own", "StatefulSet"), "scale what this app does not bring"),
    "replicas of another group": (scaler("own", api_version="example.com/v1"), "scale what this app does not bring"),
    "nobody's replicas": (obj("HorizontalPodAutoscaler", "autoscaling/v2"), "scale what this app does not bring"),
}
PLAIN = {
    "a deployment": obj("Deployment", "apps/v1"),
    "a job": obj("CronJob", "batch/v1"),
    "a volume": obj("PersistentVolumeClaim"),
    "a service": obj("Service", ports=[{"port": 80}]),
    "a service by its default's name": obj("Service", type="ClusterIP"),
    "a headless service": obj("Service", clusterIP="None"),
    "an own autoscaler": scaler("own"),
}
NEVER = {
    "a role": obj("Role", "rbac.authorization.k8s.io/v1"),
    "another group": obj("Deployment", "example.com/v1"),
    "a pod template": obj("PodTemplate"),
    "endpoints": obj("Endpoints"),
}


def loan(lent: Lent) -> Loan:
    own = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "own", "namespace": "apps"}}
    return Loan.to([own], lent)


@pytest.mark.parametrize("lent", Lent)
@pytest.mark.parametrize("target", PLAIN.values(), ids=PLAIN)
def test_what_pods_are_made_of_is_lent(target: dict[str, Any], lent: Lent) -> None:
    assert refusal(target, [], "apps", loan(lent)) is None


@pytest.mark.parametrize(("target", "named"), REACHES_OTHERS.values(), ids=REACHES_OTHERS)
def test_what_reaches_others_is_lent_where_the_administrator_says_so(target: dict[str, Any], named: str) -> None:
    refused = refusal(target, [], "apps", loan(Lent.WORKLOADS))

    assert refused is not None
    assert named in str(refused)
    assert refused.lendable
    assert refusal(target, [], "apps", loan(Lent.EDIT)) is None


@pytest.mark.parametrize("lent", Lent)
@pytest.mark.parametrize("target", NEVER.values(), ids=NEVER)
def test_what_edit_does_not_grant_is_never_lent(target: dict[str, Any], lent: Lent) -> None:
    refused = refusal(target, [], "apps", loan(lent))

    assert refused is not None
    assert not refused.lendable, "to lend more would not help"


@pytest.mark.parametrize("spec", [None, [], "text", {"type": []}, {"scaleTargetRef": ["x"]}], ids=str)
@pytest.mark.parametrize("kind", ["Service", "HorizontalPodAutoscaler"])
def test_a_shape_that_the_api_server_would_refuse_is_no_fault(kind: str, spec: Any) -> None:
    api_version = {"Service": "v1"}.get(kind, "autoscaling/v2")
    target = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it", "namespace": "apps"}, "spec": spec}

    refused = refusal(target, [], "apps", loan(Lent.WORKLOADS))

    assert refused is None or str(refused).startswith(f"{kind}/it: ")
