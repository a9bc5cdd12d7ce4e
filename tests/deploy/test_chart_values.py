"""Values of the operator's own chart: what becomes of each, and those that mean nothing."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.shipped import CHART, NAME, Identity, Object, RefusedError, container_in, deployment_in, templated
from kotsapp.apply.lending import Lent
from kotsapp.cli.arguments import run
from kotsapp.license import Policy
from kotsapp.registry.config import Registries

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


def environment(objects: Mapping[Identity, Object]) -> dict[str, str]:
    """The variables that are written out."""
    return {entry["name"]: entry["value"] for entry in container_in(objects)["env"] if "value" in entry}


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
