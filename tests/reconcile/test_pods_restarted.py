"""Pods that were made before their images were routed, and begin anew."""

import asyncio

import pytest

from harness.cluster import NAMESPACE, config_map, obj
from harness.fakekube import Match
from harness.inprocess import PUBLIC, operating
from harness.licenses import Signer
from harness.routed_pods import (
    HIDDEN,
    OWNER,
    PROXY,
    ROUTE,
    Object,
    allow,
    condition,
    deleted,
    events,
    images,
    make_pod,
    message,
    not_pulled,
    routing,
    stuck,
)
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.pods.routing import routes


@in_virtual_time
async def test_a_pod_that_never_ran_is_deleted_once_when_its_image_is_routed(signer: Signer) -> None:
    async with routing(signer) as operator:
        stuck(operator)
        await until(lambda: deleted(operator))

        (reported,) = events(operator, "PodDeleted")
        assert "Pod/db-0 of Database/main" in reported
        assert PROXY + HIDDEN in reported
        # The policy missed the next one: that is told, and tried again after a while, and after twice that while.
        for number, seconds in ((1, 550), (2, 1150)):
            operator.api.put(obj("Pod", "db-0", metadata={"ownerReferences": [OWNER]}, spec=_spec(HIDDEN)))
            not_pulled(operator, "db-0")
            await quiet(seconds)
            assert len(deleted(operator)) == number
            assert "Pod/db-0 (the policy did not route it" in message(operator)
            await until(lambda number=number: len(deleted(operator)) == number + 1)


def _spec(image: str) -> Object:
    return {"containers": [{"name": "c0", "image": image}]}


@in_virtual_time
async def test_a_deletion_is_for_the_pod_as_it_was_seen(signer: Signer) -> None:
    async with routing(signer) as operator:
        stuck(operator)
        with operator.api.paused(Match("delete", "Pod")) as pause:
            await pause.reached.wait()
            status = {"containerStatuses": [{"name": "c0", "image": HIDDEN, "state": {"running": {}}}]}
            operator.api.change("Pod", "db-0", {"status": status}, NAMESPACE, manager="kubelet")
        await quiet(600)

        assert operator.api.live("Pod", "db-0", NAMESPACE), "it has begun to run meanwhile"
        assert events(operator, "PodDeleted") == []


@in_virtual_time
async def test_a_pod_that_waits_by_another_name_meanwhile_is_deleted_all_the_same(signer: Signer) -> None:
    """The kubelet goes from ErrImagePull to ImagePullBackOff and back, and nobody is woken for that."""
    async with routing(signer) as operator:
        stuck(operator)
        began = asyncio.get_running_loop().time()
        with operator.api.paused(Match("delete", "Pod")) as pause:
            await pause.reached.wait()
            state = {"waiting": {"reason": "ErrImagePull"}}
            status = {"containerStatuses": [{"name": "c0", "image": HIDDEN, "state": state}]}
            operator.api.change("Pod", "db-0", {"status": status}, NAMESPACE, manager="kubelet")
        await until(lambda: operator.api.get("Pod", "db-0", NAMESPACE) is None)
        assert asyncio.get_running_loop().time() - began < 30


LEFT = {
    "a pod that ran": ({"running": ("c1",)}, "a container of it ran"),
    "a pod that nobody makes anew": ({"owner": None}, "no controller would make it anew"),
    "a pod of a Job": ({"owner": {**OWNER, "kind": "Job"}}, "its Job would count it as failed"),
}


@pytest.mark.parametrize("case", LEFT)
def test_is_left_for_a_person(signer: Signer, case: str) -> None:
    options, why = LEFT[case]

    @in_virtual_time
    async def scenario() -> None:
        async with operating(signer) as operator:
            allow(operator)
            operator.put_app(config_map(), **ROUTE)
            await operator.until_ready()
            make_pod(operator, "db-0", HIDDEN, PUBLIC, owner=options.get("owner", OWNER))
            not_pulled(operator, "db-0", *options.get("running", ()))
            await until(lambda: routes(operator.status()) and "Pod/db-0" in message(operator))

            assert why in message(operator)
            await operator.until_ready()
            await quiet(600)
            assert deleted(operator) == []

    scenario()


@in_virtual_time
async def test_at_most_so_many_are_deleted_in_a_minute_and_all_in_the_end(signer: Signer) -> None:
    async with routing(signer) as operator:
        for number in range(150):
            stuck(operator, f"web-{number:03}")
        await until(lambda: len(deleted(operator)) == 60)
        await quiet(30)
        assert len(deleted(operator)) == 60
        await until(lambda: len(deleted(operator)) == 150)
        assert len(set(deleted(operator))) == 150


@in_virtual_time
async def test_nothing_is_deleted_while_the_policy_is_not_there(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator, label=False)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        stuck(operator)
        await until(lambda: HIDDEN in images(operator))
        await quiet(300)
        assert deleted(operator) == []

        allow(operator, installed=False)
        await until(lambda: deleted(operator))


@in_virtual_time
async def test_what_the_account_may_not_do_is_told(signer: Signer) -> None:
    async with routing(signer) as operator:
        operator.api.fail(403, match=Match("delete", "Pod"), times=10_000)
        stuck(operator)
        await until(lambda: "can't be deleted" in message(operator))
        assert condition(operator)[0] == "True"
