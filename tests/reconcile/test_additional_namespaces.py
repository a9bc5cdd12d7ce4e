"""The Application's additionalNamespaces: the pull secret is there, and they are made where rights allow (DESIGN 3)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, obj
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, until

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:deployer"
APPLICATION = {
    "apiVersion": "kots.io/v1beta1",
    "kind": "Application",
    "metadata": {"name": "shop"},
    "spec": {"additionalNamespaces": ["jobs"]},
}


def put_app(operator: Operator, account: str = "deployer") -> None:
    operator.api.put(obj("ServiceAccount", "deployer"))
    operator.put_app(APPLICATION, config_map(a="1"), **({"serviceAccountName": account} if account else {}))


def applied(operator: Operator) -> str:
    found: Any = {c["type"]: c["message"] for c in operator.status()["conditions"]}
    return str(found["WorkloadsApplied"])


@in_virtual_time
async def test_it_is_made_and_stays_when_the_app_goes(signer: Signer) -> None:
    async with operating(signer) as operator:
        put_app(operator)
        await operator.until_ready()
        assert operator.api.get("Secret", "my-kots-app-registry", "jobs") is not None
        before = operator.api.live("Namespace", "jobs", "")

        operator.put_app(config_map(a="2"), serviceAccountName="deployer")
        await until(lambda: operator.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "2"})
        await operator.until_ready()
        assert operator.api.live("Namespace", "jobs", "") == before


@in_virtual_time
async def test_one_that_is_there_is_used_and_never_changed(signer: Signer) -> None:
    """By an account that may neither look at nor make namespaces."""
    async with operating(signer) as operator:
        operator.api.namespace("jobs")
        before = operator.api.live("Namespace", "jobs", "")
        operator.api.rights.deny(user=ACCOUNT, resource="namespaces")
        put_app(operator)
        await operator.until_ready()
        assert operator.api.get("Secret", "my-kots-app-registry", "jobs") is not None
        assert operator.api.live("Namespace", "jobs", "") == before


@in_virtual_time
@pytest.mark.parametrize("verb", [None, "create"])
async def test_who_may_not_make_it_is_told_what_is_missing(signer: Signer, verb: str | None) -> None:
    async with operating(signer) as operator:
        for denied in [verb] if verb else ["get", "list", "watch", "create", "patch"]:
            operator.api.rights.deny(user=ACCOUNT, verb=denied, resource="namespaces")
            if denied == "create":
                operator.api.rights.deny(user=ACCOUNT, verb="patch", resource="namespaces")
        put_app(operator)
        await until(lambda: operator.ready()[0] == "False")
        assert "kubectl create namespace jobs" in operator.whole_message()
        operator.api.namespace("jobs")
        await operator.until_ready()


@in_virtual_time
async def test_without_an_account_it_is_told_that_one_is_needed(signer: Signer) -> None:
    async with operating(signer) as operator:
        put_app(operator, account="")
        await operator.until_ready()
        assert operator.api.get("Namespace", "jobs", "") is None
        assert "no pull secret in jobs, which the Application names: that takes spec.serviceAccountName" in applied(
            operator
        )
