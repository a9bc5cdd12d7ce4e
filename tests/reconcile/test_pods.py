"""Pods that others make, by the operator's own workers on a fake cluster."""

import pytest

from harness.cluster import NAMESPACE, config_map, deployment
from harness.inprocess import PRIVATE, PUBLIC, operating
from harness.licenses import Signer
from harness.routed_pods import HIDDEN, OWNER, PROXY, PULL_SECRET, ROUTE, allow, condition, images, make_pod, routing
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.names import KIND
from kotsapp.pods.routing import routes
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

# -- what is learned


@in_virtual_time
async def test_an_image_that_only_pods_have_is_probed_and_listed_with_them(signer: Signer) -> None:
    async with routing(signer) as operator:
        make_pod(operator, "db-0", HIDDEN)
        make_pod(operator, "db-1", HIDDEN, PUBLIC)
        await until(lambda: {HIDDEN, PUBLIC} <= set(images(operator)))

        found = images(operator)[HIDDEN]
        assert (found["verdict"], found["route"], found["pull"]) == ("Private", "Proxy", PROXY + HIDDEN)
        assert found["verified"] == "True"
        assert found["usedBy"] == ["Pod/db-0", "Pod/db-1"]
        assert found["origin"] == "Pods"
        assert images(operator)[PUBLIC]["route"] == "Direct"
        assert operator.status()["pods"] == {"pullSecret": PULL_SECRET, "hosts": ["proxy.replicated.com"]}
        assert operator.api.get("Secret", PULL_SECRET, NAMESPACE), "pods are given it by name"
        assert condition(operator) == ("True", "ReconciliationSucceeded")


@in_virtual_time
async def test_without_the_wish_no_pod_is_looked_at(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map())
        await operator.until_ready()
        make_pod(operator, "db-0", HIDDEN)
        await quiet(600)

        assert HIDDEN not in images(operator)
        assert condition(operator) == ("", "")
        assert "pods" not in operator.status()
        assert not [request for request in operator.api.requests() if "Pod" in request]


@in_virtual_time
async def test_a_wish_that_is_taken_back_ends_the_watch_and_what_the_policy_reads(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await until(lambda: operator.status().get("pods"))
        operator.put_app(config_map())
        await until(lambda: not operator.status().get("pods"))

        assert condition(operator) == ("", "")
        asked = len(operator.prober.asked)
        make_pod(operator, "db-0", HIDDEN)
        await quiet(600)
        assert len(operator.prober.asked) == asked


@in_virtual_time
async def test_a_routed_image_stays_while_no_pod_has_it_and_over_a_restart_until_the_release_changes(
    signer: Signer,
) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: HIDDEN in images(operator))
        operator.api.delete("Pod", "db-0", NAMESPACE)
        make_pod(operator, "other", PUBLIC)
        await until(lambda: PUBLIC in images(operator))
        assert routes(operator.status()) == {HIDDEN: PROXY + HIDDEN}
    async with operating(signer, operator.api, {HIDDEN: Verdict.PRIVATE}) as again:
        make_pod(again, "more", "quay.io/my-org/more:1")
        await until(lambda: "quay.io/my-org/more:1" in images(again))
        assert routes(again.status()) == {HIDDEN: PROXY + HIDDEN}

        again.put_app(config_map(another="release"), **ROUTE)
        await until(lambda: HIDDEN not in images(again))
        assert PUBLIC in images(again), "a pod has it"


@in_virtual_time
async def test_pods_of_another_apps_manifests_are_not_told_as_this_ones(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        own = "quay.io/my-org/other:v1"
        operator.prober.verdicts[own] = Verdict.PRIVATE
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        # Before the other app is there it looks like anybody's.
        owner = {**OWNER, "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-5d8f9c"}
        make_pod(operator, "api-5d8f9c-x", own, owner=owner)
        await until(lambda: own in images(operator))

        made = deployment("api", own)
        operator.put_app(made, name="other", wait=False, pullSecret={"name": "other"})
        await until(lambda: operator.status("other").get("inventory"))
        make_pod(operator, "api-5d8f9c-y", own, owner=owner)
        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: HIDDEN in images(operator))
        assert own not in images(operator)
        assert own in {entry["image"] for entry in operator.status("other")["images"]}

        # A label alone, which anybody may set, takes no pod away.
        forged = deployment("forged", own)
        forged["metadata"]["labels"] = {"kotsapp.dev/namespace": NAMESPACE, "kotsapp.dev/name": "other"}
        operator.api.put(forged)
        make_pod(operator, "forged-1-x", "quay.io/my-org/forged:1", owner={**owner, "name": "forged-1"})
        await until(lambda: "quay.io/my-org/forged:1" in images(operator))


@in_virtual_time
async def test_what_was_proved_stays_routed_when_the_operator_starts_and_the_proxy_is_down(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), deployment(image=PRIVATE), wait=False, **ROUTE)
        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: set(routes(operator.status())) == {PRIVATE, HIDDEN})
    async with operating(signer, operator.api, {PRIVATE: Verdict.PRIVATE, HIDDEN: Verdict.PRIVATE}) as again:
        again.prober.verified = Verified.UNKNOWN
        make_pod(again, "news", PUBLIC)
        await until(lambda: PUBLIC in images(again))
        assert set(routes(again.status())) == {PRIVATE, HIDDEN}

        # Another license has proved nothing.
        again.put_license(customerName="Somebody else", licenseID="another-id")
        await until(lambda: not routes(again.status()))


@in_virtual_time
async def test_images_that_the_policy_routed_are_told_as_they_were_written(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), deployment(image=PRIVATE), wait=False, **ROUTE)
        await operator.until_ready()
        make_pod(operator, "shop-1", PRIVATE)
        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: HIDDEN in images(operator))
        make_pod(operator, "db-1", HIDDEN)
        assert operator.api.live("Pod", "db-1", NAMESPACE)["spec"]["containers"][0]["image"] == PROXY + HIDDEN
        make_pod(operator, "news", PUBLIC)
        await until(lambda: PUBLIC in images(operator))

        assert set(images(operator)) == {PRIVATE, HIDDEN, PUBLIC}
        assert images(operator)[PRIVATE]["usedBy"] == ["Deployment/shop"]
        assert images(operator)[HIDDEN]["usedBy"] == ["Pod/db-0", "Pod/db-1"]


@in_virtual_time
async def test_pods_that_come_and_go_with_known_images_are_no_reason_to_write(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE, probe={"interval": "12h"})
        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: routes(operator.status()))
        await quiet(10)
        operator.api.audit.clear()
        for number in range(200):
            make_pod(operator, f"web-{number}", HIDDEN)
        await quiet(600)

        written = [write for write in operator.api.writes() if KIND in write]
        assert len(written) <= 2, "until three of the users are told"


# -- what holds nothing back


@pytest.mark.parametrize("verdict", [Verdict.NOT_FOUND, Verdict.UNREACHABLE, Verdict.RATE_LIMITED, Verdict.ERROR])
def test_an_image_of_pods_that_nobody_can_decide_holds_nothing_back(signer: Signer, verdict: Verdict) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with operating(signer) as operator:
            allow(operator)
            operator.prober.verdicts[HIDDEN] = verdict
            operator.prober.verified = Verified.UNKNOWN
            operator.put_app(config_map(), **ROUTE)
            make_pod(operator, "db-0", HIDDEN)
            await operator.until_ready()
            await until(lambda: HIDDEN in images(operator))

            found = images(operator)[HIDDEN]
            assert (found["verdict"], found["route"], found["pull"]) == (str(verdict), "Direct", HIDDEN)
            assert "pods keep it as written" in found["message"]
            assert operator.status()["imageSummary"]["undecided"] == 0
            resolved = [c for c in operator.status()["conditions"] if c["type"] == "ImagesResolved"]
            assert resolved[0]["status"] == "True"

    scenario()


@in_virtual_time
async def test_other_peoples_private_images_which_the_proxy_does_not_have_stay_as_they_are(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.prober.verified = Verified.FALSE
        operator.put_app(config_map(), **ROUTE)
        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: HIDDEN in images(operator))
        await quiet(7000)  # looked at again, and again: the message is the same

        found = images(operator)[HIDDEN]
        assert (found["verdict"], found["route"], found["pull"]) == ("Private", "Direct", HIDDEN)
        assert found["message"] == "known; pods keep it as written: known"
        assert routes(operator.status()) == {}
        assert operator.ready() == ("True", "ReconciliationSucceeded")
        assert not any(c["type"] == "ImagesPullable" for c in operator.status()["conditions"])


@in_virtual_time
async def test_what_is_no_reference_is_left_alone(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        make_pod(operator, "odd", "Not An Image", HIDDEN)
        await operator.until_ready()
        await until(lambda: HIDDEN in images(operator))
        assert set(images(operator)) == {HIDDEN}
