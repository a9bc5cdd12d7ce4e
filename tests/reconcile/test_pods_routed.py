"""What condition PodsRouted says."""

import pytest

from harness.cluster import NAMESPACE, config_map, deployment, obj
from harness.fakekube import Match
from harness.inprocess import PRIVATE, operating
from harness.licenses import Signer
from harness.routed_pods import HIDDEN, PROXY, ROUTE, allow, condition, deleted, images, make_pod, message, stuck
from harness.virtual_time import in_virtual_time, until
from kotsapp.license import Policy
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods import policy
from kotsapp.pods.routing import routes
from kotsapp.reconcile.services import Settings
from kotsapp.verdicts.verdict import Verdict


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
        stuck(operator)
        await until(lambda: deleted(operator))
        assert routes(operator.status()) == {HIDDEN: PROXY + HIDDEN}
