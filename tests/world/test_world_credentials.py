"""Who gets what, decided without I/O: references, pull secrets and token scopes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from localworld import reference
from localworld.node import keyring
from localworld.registries import htpasswd, tokens
from localworld.registries.tokens import Account, Scope, Service


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("busybox", ("docker.io", "library/busybox", "latest")),
        ("busybox:1.36", ("docker.io", "library/busybox", "1.36")),
        ("index.docker.io/acme/app:1", ("docker.io", "acme/app", "1")),
        ("localhost/app", ("localhost", "app", "latest")),
        ("registry.local:5000/a/b/c:v1", ("registry.local:5000", "a/b/c", "v1")),
        (f"quay.io/a/b:v1@sha256:{'0' * 64}", ("quay.io", "a/b", f"sha256:{'0' * 64}")),
        (
            "proxy.replicated.com/proxy/slug/quay.io/a/b:v1",
            ("proxy.replicated.com", "proxy/slug/quay.io/a/b", "v1"),
        ),
    ],
)
def test_a_reference_points_where_a_runtime_would_look(text: str, expected: tuple[str, str, str]) -> None:
    found = reference.parse(text)

    assert (found.host, found.repository, found.selector) == expected


@pytest.mark.parametrize("text", ["", "Upper", "quay.io/", "a:b:c", "quay.io/a@sha256:12", "a//b", " a"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(reference.InvalidReferenceError, match="invalid reference format"):
        reference.parse(text)


def docker_config(auths: object) -> dict[str, Any]:
    content = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    return {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": content}}


@pytest.mark.parametrize(
    ("auths", "image", "expected"),
    [
        ({"quay.io": "A"}, "quay.io/a/b", ["A"]),
        ({"https://quay.io": "A"}, "quay.io/a/b", ["A"]),
        ({"quay.io/v1/": "A"}, "quay.io/a/b", ["A"]),
        ({"quay.io": "A", "quay.io/acme": "B"}, "quay.io/acme/app", ["B", "A"]),
        ({"quay.io/other": "A"}, "quay.io/acme/app", []),
        ({"*.example.com": "A"}, "eu.example.com/app", ["A"]),
        ({"*.example.com": "A"}, "deep.eu.example.com/app", []),
        ({"registry:5000": "A"}, "registry:5001/app", []),
        ({"https://index.docker.io/v1/": "A"}, "busybox", ["A"]),
        ({"docker.io": "A"}, "acme/app", ["A"]),
        ({"quay.io": "A"}, "busybox", []),
    ],
)
def test_entries_fit_images_as_with_a_kubelet(auths: dict[str, str], image: str, expected: list[str]) -> None:
    secret = docker_config({where: {"auth": auth} for where, auth in auths.items()})

    assert keyring.matching(keyring.entries(secret), reference.parse(image)) == expected


def test_a_user_name_and_password_do_as_well_as_auth() -> None:
    secret = docker_config({"quay.io": {"username": "u", "password": "p"}})

    assert keyring.entries(secret) == [keyring.Entry("quay.io", base64.b64encode(b"u:p").decode())]


@pytest.mark.parametrize(
    "secret",
    [
        {"type": "Opaque", "data": {".dockerconfigjson": "e30="}},
        {"type": "kubernetes.io/dockerconfigjson"},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "%%%"}},
        docker_config(["quay.io"]),
        docker_config({"quay.io": "text"}),
    ],
)
def test_a_secret_that_holds_no_entries_gives_none(secret: dict[str, Any]) -> None:
    assert keyring.entries(secret) == []


def test_an_entry_does_not_show_its_credentials() -> None:
    assert "c2VjcmV0" not in repr(keyring.Entry("quay.io", "c2VjcmV0"))


@pytest.mark.parametrize(
    ("account", "name", "asked", "expected"),
    [
        (None, "library/busybox", ("pull",), ("pull",)),
        (None, "library/busybox", ("pull", "push"), ("pull",)),
        (None, "acme/app", ("pull",), ()),
        (Account("u", "p", pull=("acme/*",)), "acme/app", ("pull",), ("pull",)),
        (Account("u", "p", pull=("acme/*",)), "acmeother/app", ("pull",), ()),
        (Account("u", "p", pull=("proxy/slug/*",)), "proxy/slug/quay.io/a/b", ("pull",), ("pull",)),
        (Account("u", "p", pull=(), push=("*",)), "acme/app", ("pull", "push", "delete"), ("pull", "push", "delete")),
    ],
)
def test_a_token_allows_what_is_public_and_what_is_the_accounts(
    account: Account | None, name: str, asked: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert tokens.granted(Service(public=("library/*",)), account, Scope(name, asked)) == expected


def test_accounts_of_one_name_differ_by_password() -> None:
    accounts = tuple(Account("LICENSE_ID", password) for password in ("one", "two"))
    service = Service(accounts=accounts)

    assert tokens.account_for(service, "LICENSE_ID", "two") == accounts[1]
    assert tokens.account_for(service, "LICENSE_ID", "three") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repository:a/b:pull", Scope("a/b", ("pull",))),
        ("repository:host:5000/a:pull,push", Scope("host:5000/a", ("pull", "push"))),
        ("registry:catalog:*", None),
        ("repository:a", None),
        ("", None),
    ],
)
def test_scopes(text: str, expected: Scope | None) -> None:
    assert tokens.parse_scope(text) == expected


def test_password_hashes_are_bcrypt_and_salted() -> None:
    first, second = htpasswd.bcrypt("same"), htpasswd.bcrypt("same")

    assert first.startswith("$2b$")
    assert len(first) == 60
    assert first != second
