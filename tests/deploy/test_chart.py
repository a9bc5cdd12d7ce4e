"""The Helm chart installs what the kustomization does, and its values come to what they say."""

import argparse
import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import chart_files
from harness.shipped import (
    CHART,
    DEPLOY,
    NAME,
    Identity,
    Object,
    RefusedError,
    container_in,
    deployment_in,
    kustomized,
    packed,
    templated,
)
from kotsapp.apply.lending import Lent
from kotsapp.cli.arguments import run
from kotsapp.license import Policy
from kotsapp.registry.config import Registries

HELMS_OWN = ("app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart")
KEEP = {"helm.sh/resource-policy": "keep"}
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
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


def environment(objects: Mapping[Identity, Object]) -> dict[str, str]:
    """The variables that are written out."""
    return {entry["name"]: entry["value"] for entry in container_in(objects)["env"] if "value" in entry}


@pytest.mark.parametrize("namespaces", [[], ["one", "two"]], ids=["everywhere", "in namespaces"])
def test_more_is_lent_where_the_operator_looks_and_nowhere_else(namespaces: list[str]) -> None:
    role = "kotsapp-operator-lend-edit"

    def bound(values: Mapping[str, Any]) -> list[str]:
        found = templated({"namespaces": namespaces, **values}).items()
        return [namespace for (_, namespace, _), made in found if made.get("roleRef", {}).get("name") == role]

    assert bound({}) == []
    assert bound({"lend": "edit"}) == (namespaces or [""])


def parsed(objects: Mapping[Identity, Object], name: str = NAME) -> argparse.Namespace:
    """The container's arguments, read by the operator's own parser."""
    parser = argparse.ArgumentParser()
    run.register(parser.add_subparsers())
    return parser.parse_args(container_in(objects, name)["args"])


def test_values_become_the_operators_own_flags() -> None:
    values = {
        "namespaces": ["one", "two"],
        "licenseVerification": "Warn",
        "refuseV1beta1Licenses": True,
        "lend": "edit",
        "defaultServiceAccount": "deployer",
        "denyPrivateNetworks": True,
        "log": {"format": "text", "level": "debug"},
        "registries": [{"host": "quay.io", "endpoint": "https://mirror.example.com"}],
        "trustedKeys": {"mine": KEY},
        "extraArgs": ["--helm", "/opt/helm"],
    }
    args = parsed(templated(values))
    assert args.namespace == ["one", "two"]
    assert args.license_verification == Policy.WARN
    assert args.refuse_v1beta1_licenses
    assert (args.lend, args.default_service_account) == (Lent.EDIT, "deployer")
    assert args.deny_private_networks
    assert (args.log_format, args.log_level) == ("text", "debug")
    assert (args.registries, args.trusted_keys, args.helm) == (
        Path("/etc/kotsapp/registries.yaml"),
        Path("/etc/kotsapp"),
        Path("/opt/helm"),
    )


def test_the_hardened_values_take_away_what_most_can_do_without() -> None:
    objects = templated(yaml.safe_load((CHART / "values-hardened.yaml").read_text()))
    args = parsed(objects)

    assert (args.lend, args.default_service_account) == (Lent.WORKLOADS, "deployer")
    assert args.refuse_v1beta1_licenses
    assert args.deny_private_networks
    assert args.license_verification == Policy.ENFORCE
    assert ("NetworkPolicy", "kotsapp-system", "kotsapp-operator") in objects


def test_the_registries_are_a_file_that_the_operator_reads() -> None:
    entries = [
        {"host": "quay.io", "endpoint": "https://mirror.example.com:8443", "maxConcurrent": 2},
        {"host": "harbor.example.com", "insecureSkipVerify": True},
    ]
    data = templated({"registries": entries})["ConfigMap", "kotsapp-system", "kotsapp-operator"]["data"]
    read = Registries.read(yaml.safe_load(data["registries.yaml"]), "the chart's")
    assert str(read.host("quay.io").endpoint) == "https://mirror.example.com:8443"
    assert read.max_concurrent("quay.io") == 2
    assert read.host("harbor.example.com").tls.insecure_skip_verify


def test_keys_and_certificates_are_files_as_they_were_given() -> None:
    objects = templated({"trustedKeys": {"my.key-1": KEY}, "caBundle": PEM})
    data = objects["ConfigMap", "kotsapp-system", "kotsapp-operator"]["data"]
    assert data["my.key-1.pem"].strip() == KEY.strip()
    assert data["ca.crt"].strip() == PEM.strip()
    env = environment(objects)
    assert env == {"SSL_CERT_FILE": "/etc/kotsapp/ca.crt"}


def test_proxies_are_environment_variables() -> None:
    values = {"proxy": {"https": "http://proxy.example.com:3128", "noProxy": ["10.0.0.0/8", ".svc"]}}
    env = environment(templated(values))
    assert env == {"HTTPS_PROXY": "http://proxy.example.com:3128", "NO_PROXY": "10.0.0.0/8,.svc"}


def test_the_pod_is_made_anew_when_a_file_changes() -> None:
    def annotations(host: str) -> dict[str, str]:
        template = deployment_in(templated({"registries": [{"host": host}]}))["spec"]["template"]
        found: dict[str, str] = template["metadata"]["annotations"]
        return found

    assert annotations("one.example.com") != annotations("two.example.com")
    assert annotations("one.example.com") == annotations("one.example.com")


def test_a_digest_says_which_image_runs() -> None:
    digest = "sha256:" + "0" * 64
    values = {"image": {"repository": "registry.example.com/op", "tag": "ignored", "digest": digest}}
    assert container_in(templated(values))["image"] == f"registry.example.com/op@{digest}"


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


@pytest.mark.parametrize("name", ["kotsapp-operator", "other"])
def test_the_replicas_of_a_release_have_a_lease_of_their_own_and_the_right_to_it(name: str) -> None:
    objects = templated({"replicas": 3}, name=name)
    (role,) = [found for (kind, _, _), found in objects.items() if kind == "Role"]
    (rule,) = role["rules"]
    args = parsed(objects, deployment := role["metadata"]["name"])
    assert args.leader_elect
    assert rule["resourceNames"] == [args.leader_election_id]
    assert deployment_in(objects, deployment)["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"namespace": "apps"}, "namespace"),
        ({"namespaces": "apps"}, "namespaces"),
        ({"namespaces": ["Apps"]}, "namespaces"),
        ({"licenseVerification": "off"}, "licenseVerification"),
        ({"registries": [{"endpoint": "https://mirror.example.com"}]}, "host"),
        ({"registries": [{"host": "quay.io", "endpoint": "mirror.example.com"}]}, "endpoint"),
        ({"registries": [{"host": "quay.io", "maxConcurrent": 0}]}, "maxConcurrent"),
        ({"registries": [{"host": "quay.io", "insecure": True}]}, "insecure"),
        ({"trustedKeys": {"mine": "AAAA"}}, "trustedKeys"),
        ({"trustedKeys": {"a/b": KEY}}, "trustedKeys"),
        ({"caBundle": "/etc/ssl/ca.pem"}, "caBundle"),
        ({"proxy": {"https": "proxy.example.com:3128"}}, "proxy"),
        ({"proxy": {"noProxy": "10.0.0.0/8"}}, "noProxy"),
        ({"log": {"level": "trace"}}, "level"),
        ({"lend": "everything"}, "lend"),
        ({"defaultServiceAccount": "a/b"}, "defaultServiceAccount"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"replicas": 0}, "replicas"),
        ({"replicaCount": 2}, "replicaCount"),
        ({"pods": {"apiVersion": "v1"}}, "apiVersion"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(named)):
        templated(values)


def test_the_schema_knows_each_value_of_the_file_and_no_other() -> None:
    def names(value: Any, schema: Any, path: str) -> None:
        if "properties" not in schema:
            return
        assert set(value) == set(schema["properties"]) - {"global"}, path
        for name, inner in value.items():
            names(inner, schema["properties"][name], f"{path}.{name}")

    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    names(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "values")
