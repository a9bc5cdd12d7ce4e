"""The Helm chart installs what the kustomization does, once or as several releases."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import chart_files
from harness.shipped import CHART, DEPLOY, NAME, Identity, Object, deployment_in, kustomized, packed, templated

HELMS_OWN = ("app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart")
KEEP = {"helm.sh/resource-policy": "keep"}
EVERYTHING_MONITORED = {part: {"enabled": True} for part in ("podMonitor", "rules", "dashboard")}


def test_what_the_chart_shares_with_the_kustomization_is_the_same_and_no_link() -> None:
    """Of each link helm tells the person who installs it."""
    there = {path.name: path for path in chart_files.FOLDER.iterdir()}
    assert there.keys() == chart_files.SOURCES.keys()
    for name, source in chart_files.SOURCES.items():
        assert not there[name].is_symlink()
        assert there[name].read_bytes() == source.read_bytes(), "it was changed in one place: make docs"


def bare(objects: Mapping[Identity, Object]) -> dict[Identity, Object]:
    """Without what Helm adds to every object, and the Namespace, which is ``--create-namespace``'s."""
    result = {}
    for identity, found in objects.items():
        if identity[0] == "Namespace":
            continue
        obj = copy.deepcopy(found)
        for labels in _labels(obj):
            for name in HELMS_OWN:
                labels.pop(name, None)
        if obj["kind"] == "CustomResourceDefinition":
            kept = obj["metadata"].pop("annotations", {})
            assert kept in ({}, KEEP)
        if obj["kind"] == "Deployment":
            for container in obj["spec"]["template"]["spec"]["containers"]:
                container.pop("imagePullPolicy", None)  # the API server's default, written out
        result[identity] = obj
    return result


def _labels(value: Any) -> list[dict[str, str]]:
    if isinstance(value, list):
        return [labels for item in value for labels in _labels(item)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in ("labels", "matchLabels") if isinstance(value.get(name), dict)]
    return own + [labels for item in value.values() for labels in _labels(item)]


def test_it_renders_what_the_kustomization_renders() -> None:
    assert bare(templated()) == bare(kustomized(DEPLOY))


def test_packed_it_is_the_same(tmp_path: Path) -> None:
    """Its links lead out of its folder; a package has what they lead to."""
    values = {"monitoring": EVERYTHING_MONITORED, "pods": {"enabled": True}}
    assert templated(values, chart=packed(tmp_path)) == templated(values)


def test_with_namespaces_it_renders_the_namespaced_overlay() -> None:
    assert bare(templated({"namespaces": ["apps"]})) == bare(kustomized(DEPLOY / "overlays" / "namespaced"))


def test_with_all_that_is_offered_it_renders_the_components(
    everything_shipped: dict[Identity, Object],
) -> None:
    offered = {"networkPolicy": {"enabled": True}, "lend": "edit", "pods": {"enabled": True}}
    values = {"monitoring": EVERYTHING_MONITORED, **offered}
    assert bare(templated(values)) == bare(everything_shipped)


def test_the_definition_is_kept_when_the_release_goes_and_upgraded_with_it() -> None:
    identity = ("CustomResourceDefinition", "", "kotsapps.kotsapp.dev")
    assert templated()[identity]["metadata"]["annotations"] == KEEP
    assert not (CHART / "crds").exists(), "helm never upgrades what is there"
    assert "annotations" not in templated({"crds": {"keep": False}})[identity]["metadata"]
    assert identity not in templated({"crds": {"install": False}})


def test_in_namespaces_it_has_no_right_for_the_whole_cluster() -> None:
    values = {"namespaces": ["one", "two"]}
    kinds = [kind for kind, _, _ in templated(values)]
    assert kinds.count("RoleBinding") == 2 + 1, "one in each, and one for the Lease"
    assert "ClusterRoleBinding" not in kinds

    let_go = templated({**values, "rbac": {"deletedNamespaces": True}})
    rules = let_go["ClusterRole", "", "kotsapp-operator-deleted-namespaces"]["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["kotsapps"], ["patch"]),
        (["namespaces"], ["get"]),
    ]


@pytest.mark.parametrize("namespaces", [[], ["one", "two"]], ids=["everywhere", "in namespaces"])
def test_more_is_lent_where_the_operator_looks_and_nowhere_else(namespaces: list[str]) -> None:
    role = "kotsapp-operator-lend-edit"

    def bound(values: Mapping[str, Any]) -> list[str]:
        found = templated({"namespaces": namespaces, **values}).items()
        return [namespace for (_, namespace, _), made in found if made.get("roleRef", {}).get("name") == role]

    assert bound({}) == []
    assert bound({"lend": "edit"}) == (namespaces or [""])


def test_two_releases_select_pods_of_their_own() -> None:
    values = {"crds": {"install": False}, "rbac": {"sharedRoles": False}}
    one, other = templated(values, name="one"), templated(values, name="other")
    assert not one.keys() & other.keys()
    selector = deployment_in(one, "one-kotsapp-operator")["spec"]["selector"]["matchLabels"]
    assert selector != deployment_in(other, "other-kotsapp-operator")["spec"]["selector"]["matchLabels"]


def test_a_release_of_the_shipped_name_can_be_applied_over_the_kustomization() -> None:
    """What can't be changed on a live object is the same on both sides."""
    mine, theirs = templated(), kustomized(DEPLOY)
    assert deployment_in(mine)["spec"]["selector"] == deployment_in(theirs)["spec"]["selector"]
    roles = [(i, o["roleRef"]) for i, o in mine.items() if "roleRef" in o]
    assert roles == [(identity, theirs[identity]["roleRef"]) for identity, _ in roles]


@pytest.mark.parametrize("name", [NAME, "other"])
def test_what_selects_pods_of_a_release_selects_its_own(name: str) -> None:
    objects = templated({"monitoring": EVERYTHING_MONITORED, "networkPolicy": {"enabled": True}}, name=name)
    (deployment,) = [found for (kind, _, _), found in objects.items() if kind == "Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/instance"] == name
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for kind, field in (
        ("PodDisruptionBudget", "selector"),
        ("PodMonitor", "selector"),
        ("NetworkPolicy", "podSelector"),
    ):
        (found,) = [found for (of, _, _), found in objects.items() if of == kind]
        assert found["spec"][field]["matchLabels"] == labels, kind


def test_where_users_are_given_to_pods_the_chart_names_none() -> None:
    values = {"podSecurityContext": {"runAsUser": None, "runAsGroup": None}}
    assert deployment_in(templated(values))["spec"]["template"]["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
