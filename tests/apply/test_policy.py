"""What the operator's own rights are lent to, and that they are those of its shipped role."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kotsapp.apply.policy import PERMITTED_KINDS, misleading, refusal

RBAC = Path(__file__).parents[2] / "deploy" / "base" / "rbac.yaml"
LABELS = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "app"}


def obj(kind: str = "ConfigMap", api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "it", "namespace": "apps", **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def resources(kinds: frozenset[str]) -> set[str]:
    plurals = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
    return {plurals.get(kind, f"{kind.lower()}s") for kind in kinds}


def test_the_shipped_role_lets_the_operator_apply_these_kinds_and_no_others() -> None:
    [role] = [
        document
        for document in yaml.safe_load_all(RBAC.read_text())
        if document["kind"] == "ClusterRole" and document["metadata"]["name"] == "kotsapp-operator"
    ]
    granted: dict[str, set[str]] = {}
    for rule in role["rules"]:
        if "create" in rule["verbs"] and rule["resources"] != ["events"]:
            [group] = rule["apiGroups"]
            granted.setdefault(group, set()).update(rule["resources"])
            assert set(rule["verbs"]) == {"get", "list", "watch", "create", "patch", "delete"}

    assert granted == {group: resources(kinds) for group, kinds in PERMITTED_KINDS.items()}


def test_the_shipped_role_gives_no_right_to_give_rights() -> None:
    """Nobody who may write a KotsApp may come to bind roles, impersonate or read tokens by it."""
    [role] = [
        document
        for document in yaml.safe_load_all(RBAC.read_text())
        if document["kind"] == "ClusterRole" and document["metadata"]["name"] == "kotsapp-operator"
    ]
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    asked = {resource for rule in role["rules"] for resource in rule["resources"]}

    assert not verbs & {"*", "impersonate", "bind", "escalate", "deletecollection"}
    assert not asked & {"*", "pods/exec", "serviceaccounts/token", "nodes", "roles", "clusterroles"}


@pytest.mark.parametrize(
    ("target", "pods", "named"),
    [
        pytest.param(obj(), [], None, id="a permitted kind"),
        pytest.param(obj("Deployment", "apps/v1"), [], None, id="a permitted kind of another group"),
        pytest.param(obj("Deployment", "example.com/v1"), [], "Deployment (example.com)", id="another group"),
        pytest.param(obj("ClusterRole", "rbac.authorization.k8s.io/v1"), [], "ClusterRole", id="another kind"),
        pytest.param(obj(metadata={"namespace": "other"}), [], "namespace other", id="another namespace"),
        pytest.param(
            obj("Secret", type="kubernetes.io/service-account-token"), [], "another account's token", id="a token"
        ),
        pytest.param(obj("Secret", type="Opaque"), [], None, id="a secret"),
        pytest.param(obj("Pod"), [{"serviceAccountName": "default"}], None, id="the default account"),
        pytest.param(obj("Pod"), [{"serviceAccountName": "own"}], None, id="an account that comes along"),
        pytest.param(obj("Pod"), [{"serviceAccountName": "root"}], "root", id="another account"),
        pytest.param(obj("Pod"), [{"serviceAccount": "root"}], "root", id="another account by the old field"),
        pytest.param(obj("Job", "batch/v1"), [{}, {"serviceAccountName": "root"}], "root", id="in one of many"),
    ],
)
def test_rights_are_lent_inside_their_bounds(target: dict[str, Any], pods: list[Any], named: str | None) -> None:
    found = refusal(target, pods, "apps", {"own"})

    assert (found is None) == (named is None)
    if named is not None:
        assert named in str(found)
        assert "spec.serviceAccountName" in str(found), "the way out is told"


@pytest.mark.parametrize(
    ("target", "named"),
    [
        pytest.param(obj(), None, id="fine"),
        pytest.param(obj(metadata={"labels": LABELS}), None, id="own labels"),
        pytest.param(obj(metadata={"name": "", "generateName": "job-"}), "ConfigMap/job-*", id="no name of its own"),
        pytest.param(obj(metadata={"name": ""}), "metadata.name", id="no name"),
        pytest.param(obj(metadata={"name": "../x"}), "metadata.name", id="a path"),
        pytest.param(obj(metadata={"ownerReferences": [{"uid": "1"}]}), "ownerReferences", id="an owner"),
        pytest.param(
            obj(metadata={"labels": {"kotsapp.dev/name": "b"}}), "name another KotsApp", id="somebody else's label"
        ),
    ],
)
def test_an_object_that_would_pass_for_another_is_refused(target: dict[str, Any], named: str | None) -> None:
    found = misleading(target, LABELS)

    assert (found is None) == (named is None)
    assert named is None or named in str(found)
