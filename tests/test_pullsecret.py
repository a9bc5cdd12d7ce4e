"""The pull secret: byte for byte what KOTS writes, and never somebody else's."""

import base64
import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.images.routing import Domains
from kotsapp.pullsecret import (
    Clash,
    Create,
    Decision,
    Keep,
    Update,
    decide,
    default_name,
    dockerconfigjson,
    pull_secret,
)

CUSTOM = Domains("custom.proxy.com", "custom.registry.com")
LABELS = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "my-app"}
MANAGER = "kotsapp"


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


DESIRED = pull_secret("my-app-registry", "apps", "abc", Domains(), LABELS)


def live(**metadata: Any) -> dict[str, Any]:
    """Our Secret as the API server shows it, ``metadata`` replaced."""
    secret = deepcopy(DESIRED)
    applied = [{"manager": MANAGER, "operation": "Apply"}]
    secret["metadata"] |= {"uid": "1", "resourceVersion": "5", "managedFields": applied} | metadata
    return secret


def by(manager: str) -> list[dict[str, str]]:
    return [{"manager": manager, "operation": "Update"}]


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (None, Create()),
        (live(), Keep()),
        (live(managedFields=None), Keep()),
        (live(labels=LABELS | {"team": "blue"}, annotations={"x": "y"}), Keep()),
        (live() | {"data": {**DESIRED["data"], "other": "eA=="}}, Keep()),
        (live() | {"immutable": True}, Keep()),
        (live() | {"data": {".dockerconfigjson": "e30="}}, Update()),
        (live() | {"data": None}, Update()),
        (live(labels={}), Update()),
        (live(labels=None), Update()),
    ],
)
def test_our_own_secret_is_made_right(present: dict[str, Any] | None, expected: Decision) -> None:
    assert decide(present, DESIRED, MANAGER) == expected


@pytest.mark.parametrize(
    ("present", "whose"),
    [
        (
            live(labels=LABELS | {"kotsapp.dev/name": "another-app"}),
            r"of type kubernetes.io/dockerconfigjson belongs to somebody else (kotsapp.dev/name=another-app)",
        ),
        (live(labels={}, managedFields=by("kubectl-create")), "is there already and belongs to kubectl-create"),
        (live(labels=None, managedFields=None), "belongs to an unknown owner"),
        (
            live(labels={"app.kubernetes.io/managed-by": "Helm"}, managedFields=by("helm")),
            "is there already and belongs to Helm",
        ),
        (
            live(labels={}, managedFields=by("x"), ownerReferences=[{"kind": "SealedSecret", "name": "pull"}]),
            "belongs to SealedSecret pull",
        ),
        (
            live(labels={}, managedFields=by("kubectl")) | {"type": "Opaque"},
            "of type Opaque is there already and belongs to kubectl",
        ),
        (live() | {"type": "Opaque"}, "of type Opaque can't be changed to type kubernetes.io/dockerconfigjson"),
        (live() | {"immutable": True, "data": {".dockerconfigjson": "e30="}}, "is immutable and holds something else"),
    ],
)
def test_somebody_elses_secret_is_named_and_left_alone(present: dict[str, Any], whose: str) -> None:
    decision = decide(present, DESIRED, MANAGER)
    assert isinstance(decision, Clash)
    assert decision.message.startswith("Secret apps/my-app-registry of type ")
    assert whose in decision.message
    assert decision.message.endswith("; name another one in spec.pullSecret.name, or remove that Secret")


def test_a_clash_shows_nothing_of_what_the_secrets_hold() -> None:
    present = live() | {"type": "Opaque", "data": {"password": "aHVudGVyMg=="}}
    decision = decide(present, DESIRED, MANAGER)
    assert isinstance(decision, Clash)
    assert "aHVudGVyMg" not in decision.message
    assert DESIRED["data"][".dockerconfigjson"] not in decision.message


def test_without_labels_only_the_field_manager_tells_whose_it_is() -> None:
    unmarked = pull_secret("my-app-registry", "apps", "abc", Domains(), {})
    foreign = deepcopy(unmarked)
    assert isinstance(decide(foreign, unmarked, MANAGER), Clash)
    foreign["metadata"]["managedFields"] = by(MANAGER)
    assert decide(foreign, unmarked, MANAGER) == Keep()
