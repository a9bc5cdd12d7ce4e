"""Logins as docker, helm, kubectl and others write them, read as a kubelet reads them."""

import base64
import json
from typing import Any

import pytest

from kotsapp.sources.docker_config import DockerConfigError, credential_for

REGISTRY = "ghcr.io"
PASSWORD = "a-password-of-my-own"


def packed(text: str = f"me:{PASSWORD}") -> str:
    return base64.b64encode(text.encode()).decode()


def login(auths: Any, registry: str = REGISTRY, repository: str = "team/shop", **more: Any) -> tuple[str, str] | None:
    found = credential_for(json.dumps({"auths": auths, **more}).encode(), registry, repository)
    return None if found is None else (found.username, found.password)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"auth": packed()}, id="docker login"),
        pytest.param({"auth": packed().rstrip("=")}, id="without padding"),
        pytest.param({"auth": f" {packed()}\n"}, id="with a line's end"),
        pytest.param({"auth": packed(f"me:{PASSWORD}\0")}, id="an old docker"),
        pytest.param({"username": "me", "password": PASSWORD}, id="name and password alone"),
        pytest.param({"username": "me", "password": PASSWORD, "auth": "", "email": "me@example.com"}, id="empty auth"),
        pytest.param({"username": "x", "password": "y", "auth": packed()}, id="auth counts, as for a kubelet"),
    ],
)
def test_every_form_of_a_login_is_taken(entry: dict[str, Any]) -> None:
    assert login({REGISTRY: entry}) == ("me", PASSWORD)


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/", "ghcr.io"),
        ("http://ghcr.io/v2/", "ghcr.io"),
        ("ghcr.io:443", "ghcr.io"),
        ("ghcr.io/team", "ghcr.io"),
        ("ghcr.io/v2/team", "ghcr.io"),
        ("ghcr.io/team/shop", "ghcr.io"),
        ("registry.local:5000", "registry.local:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("*.azurecr.io", "shop.azurecr.io"),
        ("*.dkr.ecr.*.amazonaws.com", "1234.dkr.ecr.eu-central-1.amazonaws.com"),
        ("*.local:5000", "registry.local:5000"),
    ],
)
def test_a_registry_is_known_by_all_its_spellings(name: str, registry: str) -> None:
    assert login({name: {"auth": packed()}}, registry) == ("me", PASSWORD)


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("ghcr.io/teams", "ghcr.io"),
        ("ghcr.io/tea", "ghcr.io"),
        ("ghcr.io:5000", "ghcr.io"),
        ("registry.local", "registry.local:5000"),
        ("*.azurecr.io", "azurecr.io"),
        ("*.azurecr.io", "a.b.azurecr.io"),
        ("*.local", "registry.local:5000"),
        ("*", "ghcr.io"),
    ],
)
def test_a_login_is_shown_to_no_other_registry_and_no_other_path(name: str, registry: str) -> None:
    assert login({name: {"auth": packed()}}, registry) is None


def test_what_fits_best_counts() -> None:
    auths = {
        "*.io": {"auth": packed("anybody:1")},
        "ghcr.io": {"auth": packed("host:1")},
        "ghcr.io/team": {"auth": packed("team:1")},
    }
    assert login(auths) == ("team", "1")
    assert login(auths, repository="other/shop") == ("host", "1")
    assert login(auths, "quay.io") == ("anybody", "1")


def test_the_older_form_is_taken() -> None:
    found = credential_for(json.dumps({REGISTRY: {"auth": packed()}}).encode(), REGISTRY, "team/shop")
    assert found is not None
    assert (found.username, found.password) == ("me", PASSWORD)


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ("nothing", "it is not JSON"),
        ("[]", 'it has no "auths"'),
        ('{"auths": []}', 'it has no "auths"'),
        ({"auths": {REGISTRY: {"auth": "!"}}}, "is not base64"),
        ({"auths": {REGISTRY: {"auth": packed("me")}}}, "is not user:password"),
        ({"auths": {REGISTRY: {}}}, "has no user name and password"),
        ({"auths": {REGISTRY: {"auth": packed("0000:"), "identitytoken": PASSWORD}}}, "a token (identitytoken)"),
        ({"auths": {REGISTRY: {"registrytoken": PASSWORD}}}, "a token"),
        ({"auths": {REGISTRY: {}}, "credsStore": "desktop"}, "the credential helper 'desktop'"),
        ({"auths": {}, "credHelpers": {REGISTRY: "ecr-login"}}, "the credential helper 'ecr-login'"),
        ({"credHelpers": {REGISTRY: "ecr-login"}}, "the credential helper 'ecr-login'"),
    ],
)
def test_what_is_no_login_is_told_and_not_quoted(content: Any, reported: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(DockerConfigError) as refused:
        credential_for(text.encode(), REGISTRY, "team/shop")
    assert reported in str(refused.value)
    assert PASSWORD not in str(refused.value)
