"""Pods that others make, by the operator's own workers on a fake cluster; the policy's part is done by the tests."""

import asyncio
from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, deployment, obj
from harness.fakekube import Match
from harness.inprocess import PRIVATE, PUBLIC, Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.license import Policy
from kotsapp.names import KIND, ROUTED_LABEL
from kotsapp.pods import policy
from kotsapp.pods.routing import routes
from kotsapp.reconcile.services import Settings
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

HIDDEN = "quay.io/my-org/database:v7"
PROXY = "proxy.replicated.com/proxy/my-kots-app/"
ROUTE = {"pods": {"route": True}}
PULL_SECRET = "my-kots-app-registry"
OWNER = {"apiVersion": "example.invalid/v1", "kind": "Database", "name": "main", "uid": "u-1", "controller": True}
Object = dict[str, Any]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.make(tmp_path_factory.mktemp("keys"))


def allow(operator: Operator, *, label: bool = True, installed: bool = True) -> None:
    """What an administrator does."""
    if label:
        labels = {ROUTED_LABEL: policy.LABEL_VALUE}
        operator.api.change("Namespace", NAMESPACE, {"metadata": {"labels": labels}})
    if installed:
        operator.api.put(policy.policy())
        operator.api.put(policy.binding())
    operator.prober.verdicts[HIDDEN] = Verdict.PRIVATE


def make_pod(operator: Operator, name: str, *images: str, owner: Object | None = OWNER, **metadata: Any) -> Object:
    """As a controller makes it, and the policy routes it by the status that is there."""
    routed = routes(operator.status())
    containers = [{"name": f"c{n}", "image": routed.get(image, image)} for n, image in enumerate(images)]
    if owner:
        metadata["ownerReferences"] = [owner]
    return operator.api.put(obj("Pod", name, metadata=metadata, spec={"containers": containers}))


def not_pulled(operator: Operator, name: str, *running: str) -> None:
    """The kubelet's word that images are missing, but those of containers that run."""
    spec = operator.api.live("Pod", name, NAMESPACE)["spec"]
    statuses = []
    for container in spec["containers"]:
        state = {"running": {}} if container["name"] in running else {"waiting": {"reason": "ImagePullBackOff"}}
        statuses.append({"name": container["name"], "image": container["image"], "restartCount": 0, "state": state})
    status = {"phase": "Pending", "containerStatuses": statuses}
    operator.api.change("Pod", name, {"status": status}, NAMESPACE, manager="kubelet")


def images(operator: Operator) -> dict[str, Object]:
    return {entry["image"]: entry for entry in operator.status().get("images") or ()}


def condition(operator: Operator) -> tuple[str, str]:
    for found in operator.status().get("conditions") or ():
        if found["type"] == "PodsRouted":
            return found["status"], found["reason"]
    return "", ""


def message(operator: Operator) -> str:
    conditions = operator.status().get("conditions") or ()
    return next((str(found["message"]) for found in conditions if found["type"] == "PodsRouted"), "")


def deleted(operator: Operator) -> list[str]:
    return [write for write in operator.api.writes() if write.startswith("delete Pod/")]


def events(operator: Operator, reason: str) -> list[str]:
    return [event["message"] for event in operator.api.all("Event", NAMESPACE) if event["reason"] == reason]


# -- what is learned


@in_virtual_time
async def test_an_image_that_only_pods_have_is_probed_and_listed_with_them(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()

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


# -- pods that were made too early


async def stuck(operator: Operator, name: str = "db-0", **options: Any) -> None:
    """A pod that was made before anybody knew its image, and can't pull it."""
    make_pod(operator, name, HIDDEN, **options)
    not_pulled(operator, name)


@in_virtual_time
async def test_a_pod_that_never_ran_is_deleted_once_when_its_image_is_routed(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        await stuck(operator)
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
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        await stuck(operator)
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
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        await stuck(operator)
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
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        for number in range(150):
            await stuck(operator, f"web-{number:03}")
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
        await stuck(operator)
        await until(lambda: HIDDEN in images(operator))
        await quiet(300)
        assert deleted(operator) == []

        allow(operator, installed=False)
        await until(lambda: deleted(operator))


@in_virtual_time
async def test_what_the_account_may_not_do_is_told(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        operator.api.fail(403, match=Match("delete", "Pod"), times=10_000)
        await stuck(operator)
        await until(lambda: "can't be deleted" in message(operator))
        assert condition(operator)[0] == "True"


# -- PodsRouted


@in_virtual_time
async def test_who_has_to_do_what_is_told_until_it_is_done(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(), **ROUTE)
        await until(lambda: condition(operator) == ("False", "PolicyMissing"))
        assert "components/pods" in message(operator)
        await operator.until_ready()  # the rest works

        allow(operator, label=False)
        await until(lambda: condition(operator) == ("False", "NamespaceNotLabelled"))
        assert f"kubectl label namespace {NAMESPACE} kotsapp.dev/route-pods=enabled" in message(operator)

        allow(operator, installed=False)
        await until(lambda: condition(operator)[0] == "True")
        operator.api.change("Namespace", NAMESPACE, {"metadata": {"labels": {ROUTED_LABEL: None}}})
        await until(lambda: condition(operator) == ("False", "NamespaceNotLabelled"))


@in_virtual_time
async def test_an_api_server_without_such_policies(signer: Signer) -> None:
    async with operating(signer) as operator:
        for plural in ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"):
            operator.api.kinds.undefine({"spec": {"group": policy.GROUP, "names": {"plural": plural}}})
        operator.put_app(config_map(), **ROUTE)
        await until(lambda: condition(operator) == ("False", "PolicyUnsupported"))
        assert "1.36" in message(operator)
        assert "spec.imagePaths" in message(operator)
        await operator.until_ready()


@in_virtual_time
async def test_where_nothing_is_proved_nothing_is_routed(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), deployment(image=PRIVATE), wait=False, proxy={"verify": "Off"}, **ROUTE)
        await until(lambda: condition(operator) == ("False", "Unverified"))
        assert routes(operator.status()) == {}


@in_virtual_time
async def test_more_images_than_a_status_holds(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        private = [f"quay.io/my-org/part-{number}:1" for number in range(501)]
        operator.prober.verdicts |= dict.fromkeys(private, Verdict.PRIVATE)
        shops = [deployment(f"shop-{number}", image) for number, image in enumerate(private)]
        operator.put_app(*shops, wait=False, **ROUTE)
        await until(lambda: condition(operator) == ("False", "TooManyImages"))
        assert "no place for 1 routed image of 501" in message(operator)


@in_virtual_time
async def test_pods_that_may_not_be_watched(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.api.rights.deny(verb="list", resource="pods")
        operator.put_app(config_map(), **ROUTE)
        await until(lambda: condition(operator) == ("False", "PodsNotWatched"))
        assert f"namespace {NAMESPACE}" in message(operator)
        await operator.until_ready()


@in_virtual_time
async def test_pods_that_nobody_lists_hold_nothing_back(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        operator.api.fail(500, match=Match("list", "Pod"), times=10_000)
        operator.put_app(config_map(), deployment(image=PRIVATE), wait=False, **ROUTE)
        await operator.until_ready()
        assert routes(operator.status()) == {PRIVATE: PROXY + PRIVATE}


@in_virtual_time
async def test_a_host_that_the_license_does_not_name_is_none_that_pods_are_led_to(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        proxy = {"domain": "images.acme.example"}
        operator.put_app(config_map(), deployment(image=PRIVATE), wait=False, proxy=proxy, **ROUTE)
        await until(lambda: condition(operator) == ("False", "HostNotVouched"))
        assert f"{PRIVATE} from images.acme.example/" in message(operator)
        assert images(operator)[PRIVATE]["pull"].startswith("images.acme.example/"), "of the app's own pods"
        assert routes(operator.status()) == {}

        make_pod(operator, "db-0", HIDDEN)
        await until(lambda: HIDDEN in images(operator))
        assert images(operator)[HIDDEN]["pull"] == HIDDEN


@in_virtual_time
async def test_a_license_that_nobody_vouches_for_leads_no_pod_anywhere(
    signer: Signer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """--license-verification=Warn."""
    async with operating(signer, settings=Settings(license_policy=Policy.WARN)) as operator:
        allow(operator)
        stranger = Signer.make(tmp_path_factory.mktemp("stranger"))
        operator.api.put(
            obj(
                "Secret",
                "theirs",
                stringData={"license.yaml": stranger.sign(replicatedProxyDomain="evil.example").decode()},
            )
        )
        license = {"secretRef": {"name": "theirs"}}
        operator.put_app(config_map(), deployment(image=PRIVATE), wait=False, license=license, **ROUTE)
        await until(lambda: condition(operator) == ("False", "HostNotVouched"))
        assert "pods" not in operator.status()
        await operator.until_ready()


@in_virtual_time
async def test_what_can_be_routed_is_where_something_else_can_not(signer: Signer) -> None:
    async with operating(signer) as operator:
        allow(operator)
        vendors = deployment(image="registry.replicated.com/my-kots-app/worker:v1")
        operator.put_app(config_map(), vendors, wait=False, proxy={"registryDomain": "registry.acme.example"}, **ROUTE)
        await until(lambda: condition(operator) == ("False", "HostNotVouched"))
        await stuck(operator)
        await until(lambda: deleted(operator))
        assert routes(operator.status()) == {HIDDEN: PROXY + HIDDEN}
