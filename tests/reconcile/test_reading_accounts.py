"""Which accounts are looked at for the pull secrets that pods keep, and what comes of an answer that is none."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kotsapp.images.accounts import Account
from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.accounts import account_secrets
from kotsapp.reconcile.app import App
from kotsapp.reconcile.services import Services

APP = App(namespace="apps", name="shop", uid="uid-1", generation=1, spec={})
PRIVATE = "quay.io/my-org/api:v1"
WATCHED = frozenset({("Secret", "my-license")})


class Cluster:
    """Accounts by (namespace, name), or the error that reading one raises; ``asked`` is what was done, in order."""

    def __init__(self, accounts: dict[tuple[str, str], Any]) -> None:
        self.accounts = accounts
        self.asked: list[Any] = []

    async def resource_type(self, api_version: str, kind: str) -> str:
        return f"{kind} of {api_version}"

    async def get(self, kind: str, name: str, namespace: str) -> Any:
        assert kind == "ServiceAccount of v1"
        self.asked.append((namespace, name))
        found = self.accounts.get((namespace, name))
        if isinstance(found, ApiError):
            raise found
        return found

    async def follow(self, app: App, references: frozenset[tuple[str, str]]) -> None:
        assert app is APP
        self.asked.append(references)

    async def secrets(self, *objects: dict[str, Any]) -> dict[Account, tuple[str, ...]]:
        services = cast(Services, SimpleNamespace(client=self, follow=self.follow))
        return {**await account_secrets(APP, objects, [PRIVATE], (), WATCHED, services)}  # type: ignore[dict-item]


def account(*secrets: str) -> dict[str, Any]:
    return {"imagePullSecrets": [{"name": secret} for secret in secrets]}


def pod(namespace: str = "apps", image: str = PRIVATE, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": image}]
    metadata = {"name": "p", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


async def test_a_live_account_is_watched_before_it_is_read() -> None:
    cluster = Cluster({("apps", "default"): account("customer")})

    assert await cluster.secrets(pod(), pod()) == {Account("apps", "default"): ("customer",)}
    assert cluster.asked == [WATCHED | {("ServiceAccount", "default")}, ("apps", "default")]


async def test_nobody_is_asked_where_no_pod_gets_a_first_pull_secret() -> None:
    cluster = Cluster({})

    assert await cluster.secrets(pod(image="busybox"), pod(imagePullSecrets=[{"name": "own"}])) == {}
    assert cluster.asked == []


async def test_an_account_elsewhere_is_read_without_a_watch() -> None:
    cluster = Cluster({("there", "default"): account("theirs")})

    assert await cluster.secrets(pod("there")) == {Account("there", "default"): ("theirs",)}
    assert cluster.asked == [("there", "default")]


async def test_a_manifest_that_lists_pull_secrets_is_taken_at_its_word() -> None:
    written = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "namespace": "apps"}}
    reported, silent = written | account("mirror"), written
    cluster = Cluster({("apps", "a"): account("customer")})

    assert await cluster.secrets(reported, pod(serviceAccountName="a")) == {Account("apps", "a"): ("mirror",)}
    assert cluster.asked == []
    assert await cluster.secrets(silent, pod(serviceAccountName="a")) == {Account("apps", "a"): ("customer",)}


@pytest.mark.parametrize("answer", [None, ApiError(403, "Forbidden", "no"), {}, {"imagePullSecrets": None}])
async def test_an_account_that_can_not_be_read_carries_nothing(answer: Any) -> None:
    assert await Cluster({("apps", "default"): answer}).secrets(pod()) == {Account("apps", "default"): ()}


async def test_an_api_server_that_fails_takes_nothing_away() -> None:
    """Otherwise an outage would roll every pod without its account's pull secrets."""
    with pytest.raises(ApiError):
        await Cluster({("apps", "default"): ApiError(503, "Unavailable", "later")}).secrets(pod())
