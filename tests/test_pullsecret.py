"""The pull secret: byte for byte what KOTS writes, and never somebody else's."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.images.routing import Domains
from kotsapp.pullsecret import default_name, dockerconfigjson, pull_secret

CUSTOM = Domains("custom.proxy.com", "custom.registry.com")
LABELS = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "my-app"}


@pytest.mark.parametrize(
    ("license_id", "domains", "expected"),
    [
        (
            "",
            Domains(),
            (
                '{"auths":{"proxy.replicated.com":{"auth":"TElDRU5TRV9JRDo="},'
                '"registry.replicated.com":{"auth":"TElDRU5TRV9JRDo="}}}'
            ),
        ),
        (
            "abc",
            Domains(),
            (
                '{"auths":{"proxy.replicated.com":{"auth":"TElDRU5TRV9JRDphYmM="},'
                '"registry.replicated.com":{"auth":"TElDRU5TRV9JRDphYmM="}}}'
            ),
        ),
        (
            "abc",
            CUSTOM,
            (
                '{"auths":{"custom.proxy.com":{"auth":"TElDRU5TRV9JRDphYmM="},'
                '"custom.registry.com":{"auth":"TElDRU5TRV9JRDphYmM="}}}'
            ),
        ),
        (
            "abcdef",
            Domains(),
            (
                '{"auths":{"proxy.replicated.com":{"auth":"TElDRU5TRV9JRDphYmNkZWY="},'
                '"registry.replicated.com":{"auth":"TElDRU5TRV9JRDphYmNkZWY="}}}'
            ),
        ),
        (
            "abc",
            Domains("one.example.com", "one.example.com"),
            '{"auths":{"one.example.com":{"auth":"TElDRU5TRV9JRDphYmM="}}}',
        ),
        (
            "abc",
            Domains("z.example.com", "a.example.com:5000"),
            (
                '{"auths":{"a.example.com:5000":{"auth":"TElDRU5TRV9JRDphYmM="},'
                '"z.example.com":{"auth":"TElDRU5TRV9JRDphYmM="}}}'
            ),
        ),
    ],
)
def test_the_document_is_what_kots_writes(license_id: str, domains: Domains, expected: str) -> None:
    assert dockerconfigjson(license_id, domains) == expected.encode()


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_the_license_id_is_the_password_of_a_user_of_that_literal_name(license_id: str) -> None:
    auths = json.loads(dockerconfigjson(license_id, Domains()))["auths"]
    assert {base64.b64decode(entry["auth"]).decode() for entry in auths.values()} == {f"LICENSE_ID:{license_id}"}


def test_the_secret_is_one_that_pods_can_pull_with() -> None:
    secret = pull_secret("my-app-registry", "apps", "abc", CUSTOM, LABELS)
    data = secret.pop("data")
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "my-app-registry", "namespace": "apps", "labels": LABELS},
        "type": "kubernetes.io/dockerconfigjson",
    }
    assert {key: base64.b64decode(value) for key, value in data.items()} == {
        ".dockerconfigjson": dockerconfigjson("abc", CUSTOM)
    }
    assert default_name("my-app") == "my-app-registry"
