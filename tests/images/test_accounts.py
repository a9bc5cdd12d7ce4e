"""What a pod's account carries stays with the pod when it gets the license's pull secret."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.images.accounts import Account, account_of, accounts_in_use, carried, secrets_in_manifests
from kotsapp.images.finder import images_of
from kotsapp.images.image_path import ImagePath
from kotsapp.images.rewrite import Pull, rewrite

PRIVATE, PROXIED, SECRET = "quay.io/o/api:1", "proxy.example.com/proxy/app/quay.io/o/api:1", "app-registry"
PULLS = {PRIVATE: Pull(PROXIED, True), "redis": Pull("redis", False)}
SECRETS = {"default": ("customer",), "builder": ("customer", "mirror"), "plain": ()}


def pod(image: str = PRIVATE, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "a", "image": image}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers, **spec}}


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "shop"},
        "spec": {"template": {"spec": pod(**spec)["spec"]}},
    }


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("spec", "listed"),
    [
        ({}, (SECRET, "customer")),
        ({"imagePullSecrets": []}, (SECRET, "customer")),
        ({"imagePullSecrets": None}, (SECRET, "customer")),
        ({"serviceAccountName": "builder"}, (SECRET, "customer", "mirror")),
        ({"serviceAccount": "builder"}, (SECRET, "customer", "mirror")),
        ({"serviceAccountName": "builder", "serviceAccount": "other"}, (SECRET, "customer", "mirror")),
        ({"serviceAccountName": ""}, (SECRET, "customer")),
        ({"serviceAccountName": "plain"}, (SECRET,)),
        ({"serviceAccountName": "unknown"}, (SECRET,)),
        # A pod with one of its own has never had its account's.
        ({"imagePullSecrets": named("own")}, ("own", SECRET)),
        ({"imagePullSecrets": named(SECRET)}, (SECRET,)),
        ({"imagePullSecrets": named("own"), "serviceAccountName": "builder"}, ("own", SECRET)),
    ],
)
def test_a_pod_keeps_what_its_account_gives_it(spec: dict[str, Any], listed: tuple[str, ...]) -> None:
    assert rewrite(pod(**spec), PULLS, SECRET, account_secrets=SECRETS)["spec"]["imagePullSecrets"] == named(*listed)


def test_a_pod_that_needs_no_pull_secret_is_left_to_its_account() -> None:
    public = pod("redis")

    assert rewrite(public, PULLS, SECRET, account_secrets=SECRETS) is public


def test_the_pull_secret_that_the_account_carries_itself_is_there_once() -> None:
    rewritten = rewrite(pod(), PULLS, SECRET, account_secrets={"default": ("a", SECRET, "a")})

    assert rewritten["spec"]["imagePullSecrets"] == named(SECRET, "a")


def custom(group: str, kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "c"}, "spec": spec}


def test_a_custom_resource_names_the_account_beside_the_list() -> None:
    prometheus = custom("monitoring.coreos.com", "Prometheus", image=PRIVATE, serviceAccountName="builder")
    path = ImagePath("monitoring.coreos.com", "Prometheus", "spec.image")
    rewritten = rewrite(prometheus, PULLS, SECRET, [path], account_secrets=SECRETS)

    assert rewritten["spec"]["imagePullSecrets"] == named(SECRET, "customer", "mirror")


def test_a_list_that_is_no_pod_specs_has_no_account_to_keep() -> None:
    widget = custom("example.com", "Widget", image=PRIVATE)
    path = ImagePath("example.com", "Widget", "spec.image", "spec.registry.secrets")
    rewritten = rewrite(widget, PULLS, SECRET, [path], account_secrets=SECRETS)

    assert rewritten["spec"]["registry"]["secrets"] == named(SECRET)
    assert account_of(widget, ("spec", "registry", "secrets")) is None


def test_the_accounts_to_ask_for_are_those_whose_pods_get_their_first_pull_secret() -> None:
    def in_use(obj: dict[str, Any]) -> set[Account]:
        return accounts_in_use(obj, images_of(obj), {PRIVATE})

    assert in_use(deployment()) == {Account("shop", "default")}
    assert in_use(deployment(serviceAccountName="builder")) == {Account("shop", "builder")}
    assert in_use(pod()) == {Account("", "default")}
    assert in_use(deployment(image="redis")) == set()
    assert in_use(deployment(imagePullSecrets=named("own"))) == set()


def account(name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, **fields}


def test_a_manifest_that_lists_pull_secrets_says_what_its_account_carries() -> None:
    """One that lists none leaves them to whoever else has set some."""
    objects = [
        account("a", "shop", imagePullSecrets=named("x", "y", "x")),
        account("none", "shop", imagePullSecrets=[]),
        account("silent", "shop"),
        account("odd", imagePullSecrets=[None, {}, {"name": 1}, "text", {"name": "z"}]),
        pod(imagePullSecrets=named("own")),
    ]

    assert secrets_in_manifests(objects) == {
        Account("shop", "a"): ("x", "y"),
        Account("shop", "none"): (),
        Account("", "odd"): ("z",),
    }


@pytest.mark.parametrize("value", [None, [], {}, "text", 1, [[]]])
def test_an_account_that_carries_nothing(value: Any) -> None:
    assert carried({"imagePullSecrets": value}) == ()


_names = st.lists(st.sampled_from(["a", "b", SECRET]), max_size=3)


@given(own=st.none() | _names.map(lambda names: named(*names)), given_by_account=_names)
def test_rewriting_twice_is_rewriting_once_and_loses_nothing(own: Any, given_by_account: list[str]) -> None:
    spec = {} if own is None else {"imagePullSecrets": own}
    once = rewrite(pod(**spec), PULLS, SECRET, account_secrets={"default": given_by_account})
    listed = [entry["name"] for entry in once["spec"]["imagePullSecrets"]]

    again = PULLS | {PROXIED: Pull(PROXIED, True)}
    assert rewrite(once, again, SECRET, account_secrets={"default": given_by_account}) is once
    assert set(listed) == {SECRET, *([entry["name"] for entry in own] if own else given_by_account)}
