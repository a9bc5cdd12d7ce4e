"""Drift by the record of who owns which field: what counts as a change, and who made it."""

from typing import Any

import pytest

from kotsapp.apply.digests import digest, fields_digest, object_digest, other_managers
from kotsapp.apply.field_diff import differing, managers_of, shown


def entry(manager: str, fields: Any, operation: str = "Apply", subresource: str | None = None) -> dict[str, Any]:
    made = {"manager": manager, "operation": operation, "fieldsV1": fields, "time": "2026-01-01T00:00:00Z"}
    return made | ({"subresource": subresource} if subresource else {})


REPLICAS = {"f:spec": {"f:replicas": {}, "f:template": {}}}
LESS = {"f:spec": {"f:template": {}}}


def owned(*entries: dict[str, Any]) -> str:
    return fields_digest({"managedFields": list(entries)}, "kotsapp")


def test_only_our_own_applied_fields_count() -> None:
    ours = owned(entry("kotsapp", REPLICAS))

    assert ours == owned(entry("kotsapp", REPLICAS) | {"time": "2027-01-01T00:00:00Z"}, entry("kubectl", LESS))
    assert ours == owned(entry("kotsapp", LESS, "Update"), entry("kotsapp", REPLICAS))
    assert ours == owned(entry("kotsapp", LESS, subresource="status"), entry("kotsapp", REPLICAS))
    assert ours != owned(entry("kotsapp", LESS), entry("kubectl", REPLICAS, "Update"))
    assert owned(entry("kubectl", REPLICAS)) == owned() == ""


def test_digests_tell_objects_apart_and_not_their_keys_order() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})


def test_a_secrets_digest_says_nothing_without_its_key() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"password": "aHVudGVyMg=="}}

    assert object_digest(secret, b"one") == object_digest(dict(secret), b"one")
    assert len({object_digest(secret, b"one"), object_digest(secret, b"two"), digest(secret)}) == 3


def test_who_changed_it_leaves_out_those_who_write_status() -> None:
    metadata = {
        "managedFields": [
            entry("kotsapp", LESS),
            entry("kubectl", REPLICAS, "Update", "scale"),
            entry("kube-controller-manager", {"f:status": {}}, "Update", "status"),
        ]
    }

    assert other_managers(metadata, "kotsapp") == ["kubectl"]


CONTAINERS = {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}


@pytest.mark.parametrize(
    ("wanted", "live", "paths"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, [], id="more than wanted"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b"], id="another value"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, ["a.b"], id="gone"),
        pytest.param({"a": {"b": 1}}, {}, ["a"], id="gone with what holds it"),
        pytest.param(
            CONTAINERS,
            {"spec": {"containers": [{"name": "b", "image": "z"}, {"name": "a", "image": "x"}, {"name": "c"}]}},
            ["spec.containers[b].image"],
            id="items by name",
        ),
        pytest.param({"args": ["a", "b"]}, {"args": ["a", "c"]}, ["args[1]"], id="items by position"),
        pytest.param({"args": ["a"]}, {"args": ["a", "b"]}, ["args"], id="more items"),
        pytest.param({"a": 1, "b": 1, "c": 1, "d": 1}, {}, ["a", "b", "c"], id="the first few"),
    ],
)
def test_differing_fields_are_named(wanted: dict[str, Any], live: dict[str, Any], paths: list[str]) -> None:
    assert [shown(path) for path in differing(wanted, live)] == paths


def test_who_manages_a_field_is_found_in_lists_too() -> None:
    image = {"f:spec": {"f:containers": {'k:{"name":"b"}': {"f:image": {}}}}}
    whole = {"f:spec": {"f:args": {}}}
    metadata = {
        "managedFields": [entry("kotsapp", image), entry("setter", image), entry("lister", whole), entry("x", LESS)]
    }

    assert managers_of(("spec", "containers", "[b]", "image"), metadata, "kotsapp") == ["setter"]
    assert managers_of(("spec", "containers", "[a]", "image"), metadata, "kotsapp") == []
    assert managers_of(("spec", "args", "[1]"), metadata, "kotsapp") == ["lister"]
    assert managers_of(("spec", "template"), metadata, "kotsapp") == ["x"]
