"""The admission policy as it is shipped: one source, one right to look at it, and a version for older API servers."""

import shutil
from pathlib import Path

import pytest
import yaml

from harness import shipped_policy
from harness.shipped import DEPLOY, Identity, Object, kustomized, templated
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods import policy

COMPONENT = DEPLOY / "components" / "pods"
KINDS = (policy.POLICY_KIND, policy.BINDING_KIND)
V1BETA1 = "admissionregistration.k8s.io/v1beta1"


def test_the_file_holds_what_the_operator_takes_for_the_policy() -> None:
    """``make docs`` writes it."""
    assert shipped_policy.FILE.read_text() == shipped_policy.written()


def test_what_is_shipped_without_it_has_nothing_of_it() -> None:
    for objects in (kustomized(DEPLOY), templated()):
        assert not {kind for kind, _, _ in objects} & set(KINDS)


def test_pods_are_made_whatever_becomes_of_it_and_in_labelled_namespaces_alone(
    everything_shipped: dict[Identity, Object],
) -> None:
    shipped, bound = (everything_shipped[kind, "", policy.NAME]["spec"] for kind in KINDS)
    assert shipped["failurePolicy"] == "Ignore"
    assert bound["paramRef"]["parameterNotFoundAction"] == "Allow"
    assert "namespace" not in bound["paramRef"], "of the pod's own namespace"
    assert bound["matchResources"]["namespaceSelector"] == {"matchLabels": {ROUTED_LABEL: policy.LABEL_VALUE}}


def test_the_operator_may_look_at_it_and_not_change_it(everything_shipped: dict[Identity, Object]) -> None:
    roles = [obj for (kind, _, _), obj in everything_shipped.items() if kind in ("ClusterRole", "Role")]
    rules = [rule for role in roles for rule in role["rules"]]
    of_policies = [rule for rule in rules if {"admissionregistration.k8s.io", "*"} & set(rule["apiGroups"])]
    assert [(rule["verbs"], rule["resourceNames"]) for rule in of_policies] == [(["get"], [policy.NAME])]


@pytest.mark.parametrize("by", ["chart", "kustomize"])
def test_older_api_servers_get_it_in_the_version_that_they_have(by: str, tmp_path: Path) -> None:
    if by == "chart":
        objects = templated({"pods": {"enabled": True, "apiVersion": V1BETA1}})
    else:
        shutil.copytree(COMPONENT, tmp_path / "pods")
        # The patch is the one of the component's own comment.
        comment = (
            (COMPONENT / "kustomization.yaml").read_text().split("#   patches:\n", 1)[1].split("\napiVersion", 1)[0]
        )
        patches = "patches:\n" + "\n".join(line.removeprefix("# ") for line in comment.splitlines())
        mine = {"components": ["../pods"], **yaml.safe_load(patches)}
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "kustomization.yaml").write_text(yaml.safe_dump(mine))
        objects = kustomized(tmp_path / "mine")
    for kind in KINDS:
        assert objects[kind, "", policy.NAME]["apiVersion"] == V1BETA1
    assert objects["ClusterRole", "", "kotsapp-operator-pods"]["apiVersion"] == "rbac.authorization.k8s.io/v1"
