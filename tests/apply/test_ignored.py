"""Fields that somebody else fills in are not in what is applied."""

from typing import Any

import pytest

from kotsapp.apply.ignored import IgnoredField, InvalidIgnoredFieldError, ignored_steps, without
from kotsapp.apply.normalize import normalized
from kotsapp.images.image_path import parse_steps
from kotsapp.kube.objects import ObjectKey

WEB = ObjectKey("apps/v1", "Deployment", "shop", "web")


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("spec.replicas", {"spec": {"items": [{"a": 1, "b": 2}, {"a": 3}], "empty": {}}}),
        ("spec.items[*].a", {"spec": {"replicas": 1, "items": [{"b": 2}, {}], "empty": {}}}),
        ("spec.items[1]", {"spec": {"replicas": 1, "items": [{"a": 1, "b": 2}], "empty": {}}}),
        ("spec.items[*]", {"spec": {"replicas": 1, "items": [], "empty": {}}}),
        ("spec.*", {}),
        ("spec.missing.below", None),
        ("spec.replicas.below", None),
    ],
)
def test_what_is_at_the_path_is_left_out(path: str, left: Any) -> None:
    value = {"spec": {"replicas": 1, "items": [{"a": 1, "b": 2}, {"a": 3}], "empty": {}}}

    assert without(value, parse_steps(path)) == (value if left is None else left)


def test_a_field_is_ignored_in_the_objects_that_are_named() -> None:
    fields = [
        IgnoredField("apps", "Deployment", "spec.replicas"),
        IgnoredField("apps", "Deployment", "spec.paused", "web"),
        IgnoredField("apps", "Deployment", "spec.other", "api"),
        IgnoredField("", "Deployment", "spec.core"),
    ]

    assert ignored_steps(WEB, fields) == (("spec", "replicas"), ("spec", "paused"))


@pytest.mark.parametrize("path", ["metadata", "metadata.name", "metadata.*", "kind", "apiVersion", "['kind']"])
def test_what_an_object_is_cant_be_ignored(path: str) -> None:
    with pytest.raises(InvalidIgnoredFieldError, match="only labels and annotations"):
        IgnoredField("apps", "Deployment", path)


def test_a_secrets_text_is_ignored_wherever_it_is_written() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"a": "1", "b": "2"}}
    for path in ("stringData.a", "data.a"):
        steps = IgnoredField("", "Secret", path).steps
        assert normalized(secret, [steps])["data"] == {"b": "Mg=="}


HOOKS = [
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
]


@pytest.mark.parametrize(("api_version", "kind"), HOOKS)
def test_a_bundle_that_holds_nothing_is_not_applied(api_version: str, kind: str) -> None:
    bundles: list[Any] = ["", "Cg==", None, "cmVhbA=="]
    hooks = [{"name": f"h{i}", "clientConfig": {"url": "u", "caBundle": b}} for i, b in enumerate(bundles)]
    made = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it"}, "webhooks": [*hooks, {"name": "none"}]}

    configs = [hook.get("clientConfig") for hook in normalized(made)["webhooks"]]

    assert configs == [{"url": "u"}, {"url": "u"}, {"url": "u"}, {"url": "u", "caBundle": "cmVhbA=="}, None]


@pytest.mark.parametrize(("api_version", "kind"), HOOKS)
@pytest.mark.parametrize("value", [None, "x", 1, [None], ["x"], [{"clientConfig": None}], {"a": 1}], ids=str)
def test_webhooks_of_another_shape_are_left_for_the_api_server(api_version: str, kind: str, value: Any) -> None:
    made = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it"}, "webhooks": value}

    assert normalized(made)["webhooks"] == value


def test_a_definition_and_an_api_service_are_treated_the_same() -> None:
    config = {"webhook": {"clientConfig": {"caBundle": "Cg==", "service": {"name": "s"}}}}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"}}
    service = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "x"}}

    made = normalized({**crd, "spec": {"conversion": config}})
    assert made["spec"]["conversion"]["webhook"]["clientConfig"] == {"service": {"name": "s"}}
    assert normalized({**service, "spec": {"group": "g", "caBundle": ""}})["spec"] == {"group": "g"}


@pytest.mark.parametrize("status", [{}, {"phase": "Done"}, None, "x"])
def test_a_status_is_not_applied(status: Any) -> None:
    made = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, "status": status}

    assert "status" not in normalized(made)
