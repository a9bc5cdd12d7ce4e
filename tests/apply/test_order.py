"""The order of applying: what others need comes first."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.apply.order import in_tiers
from kotsapp.kube.objects import ObjectKey

KINDS = (
    "ConfigMap",
    "CustomResourceDefinition",
    "Deployment",
    "Job",
    "Namespace",
    "PersistentVolumeClaim",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
    "ValidatingWebhookConfiguration",
    "Widget",
)


def key(kind: str, name: str = "a") -> ObjectKey:
    return ObjectKey("v1", kind, "apps", name)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("Namespace", "ServiceAccount"),
        ("Namespace", "CustomResourceDefinition"),
        ("CustomResourceDefinition", "Widget"),
        ("ServiceAccount", "RoleBinding"),
        ("Role", "RoleBinding"),
        ("Secret", "Deployment"),
        ("ConfigMap", "Job"),
        ("PersistentVolumeClaim", "Deployment"),
        ("Service", "Deployment"),
        ("Deployment", "ValidatingWebhookConfiguration"),
        ("Deployment", "Widget"),
    ],
)
def test_what_is_needed_comes_in_an_earlier_tier(first: str, then: str) -> None:
    assert in_tiers([key(then), key(first)]) == [[key(first)], [key(then)]]


def test_kinds_that_dont_need_each_other_go_together() -> None:
    assert in_tiers([key("Secret"), key("ConfigMap"), key("Secret", "b")]) == [
        [key("ConfigMap"), key("Secret"), key("Secret", "b")]
    ]


@given(st.lists(st.builds(key, st.sampled_from(KINDS), st.sampled_from("abc")), unique=True))
def test_every_object_is_in_one_tier_whatever_their_order(keys: Sequence[ObjectKey]) -> None:
    tiers = in_tiers(keys)

    assert sorted(member for tier in tiers for member in tier) == sorted(keys)
    assert tiers == in_tiers(reversed(keys))
