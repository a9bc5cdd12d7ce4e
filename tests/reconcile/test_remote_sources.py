"""Releases that are fetched from the vendor's channel, by the operator's own workers on a fake cluster."""

import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from harness.cluster import NAMESPACE, config_map, deployment, well
from harness.inprocess import Operator, operating
from harness.licenses import LICENSE_ID, Signer
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until, within_virtual
from kotsapp.names import KIND, REQUEST_ANNOTATION
from kotsapp.reconcile.kept_artifacts import MAX_AT_HAND, at_hand
from kotsapp.sources.artifact import Artifact
from localworld.release_channel import Customer, Request, Response, Vendor

DAY = 86400.0


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def web(signer: Signer) -> VendorWeb:
    vendor = Vendor()
    vendor.customers[LICENSE_ID] = Customer(signer.sign(), 7, "")
    publish(vendor, "1.0.0")
    return VendorWeb(vendor)


def publish(vendor: Vendor, version: str, **fields: Any) -> None:
    """A release that is one ConfigMap, which says its version."""
    vendor.publish(version, {"app.yaml": yaml.safe_dump(release_object(version))}, **fields)


def release_object(version: str) -> dict[str, Any]:
    made = config_map("shop", version=version)
    del made["metadata"]["namespace"]
    return made


def follow(operator: Operator, **spec: Any) -> None:
    operator.put_app(**{"manifests": [{"channelRelease": {}}], **spec})


def pinned(label: str) -> list[dict[str, Any]]:
    return [{"channelRelease": {"versionLabel": label}}]


@contextlib.asynccontextmanager
async def rolled_out(signer: Signer, web: VendorWeb, **spec: Any) -> AsyncIterator[Operator]:
    """An operator with an app that follows the vendor's channel and is Ready."""
    async with operating(signer, web=web) as operator:
        follow(operator, **spec)
        await operator.until_ready()
        yield operator


def running(operator: Operator) -> str:
    found = operator.api.get("ConfigMap", "shop", NAMESPACE) or {"data": {}}
    return str(found["data"].get("version"))


def condition(operator: Operator, type_: str) -> dict[str, Any]:
    return next((c for c in operator.status().get("conditions") or () if c["type"] == type_), {})


@in_virtual_time
async def test_a_license_is_enough(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        assert running(operator) == "1.0.0"
        status = operator.status()
        assert status["release"] == {"versionLabel": "1.0.0", "channelSequence": 1}
        assert [source["name"] for source in status["sources"]] == ["channelRelease"]
        assert status["sources"][0]["revision"].startswith("1.0.0@sha256:")
        assert condition(operator, "SourcesReady")["status"] == "True"
        assert "replicated.app" in status["license"]["hosts"], "the endpoint is shown the license id, too"
        assert operator.events().count("ReleaseFound") == 1
        assert operator.events().count("ReleaseRolledOut") == 1


@in_virtual_time
async def test_what_turns_out_to_need_a_larger_share_is_fetched_and_reported_once(
    signer: Signer, web: VendorWeb
) -> None:
    # Begun anew after it was fetched and kept: packed it is 1.5 MiB, and counts thrice.
    texts = [random.Random(number).randbytes(250_000).hex() for number in range(6)]
    objects = {f"{number}.yaml": yaml.safe_dump(config_map(f"c{number}", a=a)) for number, a in enumerate(texts)}
    web.vendor.publish("1.1.0", {"app.yaml": yaml.safe_dump(release_object("1.1.0")), **objects})
    async with rolled_out(signer, web) as operator:
        assert running(operator) == "1.1.0"
        assert operator.events().count("ReleaseFound") == 1
        assert len(web.vendor.asked("release")) == 1
        assert operator.events().count("ReleaseRolledOut") == 1


@in_virtual_time
async def test_a_new_release_is_followed_within_the_interval(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web, interval="5m") as operator:
        publish(web.vendor, "1.1.0")
        await quiet(240)
        assert running(operator) == "1.0.0"
        await quiet(70)

        assert running(operator) == "1.1.0"
        assert operator.status()["release"]["channelSequence"] == 2


@within_virtual(2 * DAY)
async def test_a_service_that_is_down_for_a_day_changes_nothing(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        web.down, web.asked = True, 0
        operator.api.audit.clear()

        for _ in range(24):
            await quiet(DAY / 24)
            assert operator.ready() == ("True", "ReconciliationSucceeded")
            assert running(operator) == "1.0.0"
        reported = condition(operator, "SourcesReady")
        assert (reported["status"], reported["reason"]) == ("False", "SourceUnavailable")
        assert "release 1.0.0 (1) is used on" in reported["message"]
        assert operator.message().endswith("see condition SourcesReady"), "Ready does not look like up to date"
        assert operator.events().count("ReconciliationSucceeded") == 1
        assert operator.events().count("SourceUnavailable") == 1
        assert web.asked < 2 * DAY / 500, "the list and the license, each ten minutes or so"
        assert [write for write in operator.api.writes() if "ConfigMap" in write] == []


@in_virtual_time
async def test_a_restart_while_the_service_is_down_goes_on_with_what_is_kept(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        api = operator.api
    web.down = True
    api.delete("ConfigMap", "shop", NAMESPACE)

    async with operating(signer, api, web=web) as operator:
        await until(lambda: running(operator) == "1.0.0")
        await operator.until_ready()
        assert condition(operator, "SourcesReady")["reason"] == "SourceUnavailable"


@in_virtual_time
async def test_a_required_release_is_ready_before_the_next_one_is_fetched(signer: Signer, web: VendorWeb) -> None:
    def release(version: str, **fields: Any) -> None:
        made = deployment("web", f"quay.io/my-org/web:{version}")
        del made["metadata"]["namespace"]
        files = {"app.yaml": yaml.safe_dump_all([release_object(version), made])}
        web.vendor.publish(version, files, **fields)

    async def until_rolled_out(version: str) -> None:
        image = f"quay.io/my-org/web:{version}"
        await until(lambda: image in str(operator.api.get("Deployment", "web", NAMESPACE)))
        live = operator.api.live("Deployment", "web", NAMESPACE)
        operator.api.change("Deployment", "web", {"status": well(live)}, NAMESPACE)

    web.vendor.channels.clear()
    release("1.0.0")
    async with operating(signer, web=web) as operator:
        follow(operator, interval="1m", timeout="1h")
        await until_rolled_out("1.0.0")
        await operator.until_ready()
        release("1.1.0", is_required=True)
        release("1.2.0")
        await until(lambda: running(operator) == "1.1.0")
        await quiet(600)
        assert running(operator) == "1.1.0", "it is not Ready yet"
        assert [one["versionLabel"] for one in operator.status()["availableReleases"]] == ["1.2.0"]

        await until_rolled_out("1.1.0")
        await until(lambda: running(operator) == "1.2.0")
        assert operator.ready()[0] != "True"
        messages = [event["message"] for event in operator.api.all("Event", NAMESPACE)]
        assert "release 1.1.0 (2) is rolled out, and Ready" in messages
        assert operator.events().count("ReconciliationSucceeded") == 1, "whoever waits for Ready waits for 1.2.0"
        await until_rolled_out("1.2.0")
        await operator.until_ready()
        assert "availableReleases" not in operator.status()
        asked = [request.query["channelSequence"] for request in web.vendor.asked("release")]
        assert asked == ["", "2", "3"], "each is fetched once"


@in_virtual_time
async def test_an_app_that_leaves_the_channel_at_a_required_release_waits_for_no_next_one(
    signer: Signer, web: VendorWeb
) -> None:
    async with rolled_out(signer, web, interval="1m") as operator:
        made = {**deployment("web"), "metadata": {"name": "web"}}
        web.vendor.publish("1.1.0", {"app.yaml": yaml.safe_dump(made)}, is_required=True)
        publish(web.vendor, "1.2.0")
        await until(lambda: operator.api.get("Deployment", "web", NAMESPACE) is not None)
        operator.put_app(config_map(a="1"))
        await operator.until_ready()


@in_virtual_time
async def test_a_pinned_version_stays_and_newer_ones_are_told(signer: Signer, web: VendorWeb) -> None:
    publish(web.vendor, "1.1.0")
    async with rolled_out(signer, web, manifests=pinned("1.0.0"), interval="1m") as operator:
        publish(web.vendor, "1.2.0", is_required=True)
        await quiet(120)

        assert running(operator) == "1.0.0"
        available = operator.status()["availableReleases"]
        assert [one["versionLabel"] for one in available] == ["1.2.0", "1.1.0"]
        assert [one.get("isRequired") for one in available] == [True, None]


@in_virtual_time
async def test_a_version_that_the_vendor_does_not_have_is_not_told_as_if_it_ran(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web, manifests=pinned("1.0.0"), interval="1m") as operator:
        operator.api.audit.clear()
        follow(operator, manifests=pinned("1.4.2"), interval="1m")
        await operator.until_reason("SourceUnavailable")

        assert operator.ready() == ("False", "SourceUnavailable")
        assert condition(operator, "Stalled")["status"] == "True", "only a person, here or at the vendor's, can mend it"
        message = operator.whole_message()
        assert message.startswith("release 1.4.2 can't be had: replicated.app answered 404 for release 1.4.2")
        assert message.endswith("What runs is left alone, with release 1.0.0 (1)")
        assert condition(operator, "SourcesReady")["message"] == message
        assert operator.events().count("SourceUnavailable") == 1
        assert running(operator) == "1.0.0"
        assert operator.status()["release"]["versionLabel"] == "1.0.0"
        assert [write for write in operator.api.writes() if "ConfigMap" in write] == []
        await quiet(3600)
        assert operator.ready() == ("False", "SourceUnavailable")
        assert operator.events().count("SourceUnavailable") == 1

        publish(web.vendor, "1.4.2")
        await until(lambda: running(operator) == "1.4.2")
        await operator.until_ready()


@in_virtual_time
async def test_another_version_while_the_service_is_down_is_waited_for(signer: Signer, web: VendorWeb) -> None:
    publish(web.vendor, "1.1.0")
    async with rolled_out(signer, web, manifests=pinned("1.0.0")) as operator:
        web.down = True
        follow(operator, manifests=pinned("1.1.0"))
        await operator.until_reason("SourceUnavailable")
        assert condition(operator, "Reconciling")["status"] == "True", "it passes by itself"
        api = operator.api
    async with operating(signer, api, web=web) as operator:
        await quiet(60)
        assert operator.ready() == ("False", "SourceUnavailable"), "a restart forgets nothing"
        # What is there is asked for again, so that nothing is missing.
        follow(operator, manifests=pinned("1.0.0"))
        await operator.until_ready()
        follow(operator, manifests=pinned("1.1.0"))
        await operator.until_reason("SourceUnavailable")
        web.down = False
        await until(lambda: running(operator) == "1.1.0")
        await operator.until_ready()


@in_virtual_time
async def test_a_version_behind_a_required_one_that_can_not_be_had_keeps_ready_false(
    signer: Signer, web: VendorWeb
) -> None:
    async with rolled_out(signer, web, manifests=pinned("1.0.0"), interval="1m") as operator:
        publish(web.vendor, "1.1.0", is_required=True)
        publish(web.vendor, "1.2.0")

        def lost(request: Request, response: Response) -> Response:
            return Response(404) if request.query["channelSequence"] == "3" else response

        web.vendor.faults["release"] = lost
        follow(operator, manifests=pinned("1.2.0"), interval="1m")
        await until(lambda: running(operator) == "1.1.0")
        await operator.until_reason("SourceUnavailable")
        events = len(operator.events())
        await quiet(1800)
        assert operator.ready() == ("False", "SourceUnavailable")
        assert len(operator.events()) == events, "it does not come and go"
        web.vendor.faults.clear()
        await until(lambda: running(operator) == "1.2.0")
        await operator.until_ready()


@in_virtual_time
async def test_a_patch_of_an_older_version_does_not_take_the_place_of_the_newest_where_versions_count(
    signer: Signer, web: VendorWeb
) -> None:
    license = {"isSemverRequired": True}
    web.vendor.customers[LICENSE_ID] = Customer(signer.sign(**license), 7, "")
    publish(web.vendor, "1.2.0")
    async with operating(signer, web=web) as operator:
        operator.put_license(**license)
        follow(operator, interval="1m")
        await operator.until_ready()
        assert running(operator) == "1.2.0"
        publish(web.vendor, "1.1.1")
        await quiet(300)
        assert running(operator) == "1.2.0"
        assert "availableReleases" not in operator.status()

        publish(web.vendor, "1.10.0")
        await until(lambda: running(operator) == "1.10.0")
        # Whoever wants the older minor names it.
        follow(operator, manifests=pinned("1.1.1"), interval="1m")
        await until(lambda: running(operator) == "1.1.1")
        await operator.until_ready()


@in_virtual_time
async def test_who_asks_has_it_looked_at_now(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web, interval="12h") as operator:
        publish(web.vendor, "1.1.0")
        await quiet(3600)
        assert running(operator) == "1.0.0"
        operator.api.change(KIND, "my-app", {"metadata": {"annotations": {REQUEST_ANNOTATION: "now"}}}, NAMESPACE)

        await until(lambda: running(operator) == "1.1.0")


@in_virtual_time
async def test_a_newer_license_is_used_and_kept_and_the_secret_is_left_alone(signer: Signer, web: VendorWeb) -> None:
    customer = web.vendor.customers[LICENSE_ID]
    async with rolled_out(signer, web) as operator:
        before = operator.api.live("Secret", "my-license", NAMESPACE)
        customer.document = signer.sign(licenseSequence=99, customerName="Renamed")
        await quiet(700)

        assert operator.status()["license"]["licenseSequence"] == 99
        assert operator.events().count("LicenseUpgraded") == 1
        assert operator.api.live("Secret", "my-license", NAMESPACE) == before
        api = operator.api
    web.down = True
    async with operating(signer, api, web=web) as operator:
        await quiet(60)
        assert operator.status()["license"]["customerName"] == "Renamed"


@in_virtual_time
async def test_a_damaged_archive_does_not_take_the_place_of_a_whole_one(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web, interval="1m") as operator:
        publish(web.vendor, "1.1.0")
        web.vendor.faults["release"] = lambda _, response: Response(200, response.body[:-20], response.headers)
        await quiet(120)
        assert running(operator) == "1.0.0"
        assert operator.ready()[0] == "True"
        assert "ends too early" in condition(operator, "SourcesReady")["message"]

        web.vendor.faults.clear()
        await until(lambda: running(operator) == "1.1.0")
        await until(lambda: condition(operator, "SourcesReady")["status"] == "True")


@in_virtual_time
async def test_without_anything_fetched_the_app_says_what_to_do(signer: Signer, web: VendorWeb) -> None:
    web.vendor.customers.clear()
    async with operating(signer, web=web) as operator:
        follow(operator)
        await operator.until_reason("SourceUnavailable")

        assert "answered 401" in operator.whole_message()
        assert "ask the vendor" in operator.whole_message()
        assert LICENSE_ID not in str(operator.api.get(KIND, "my-app", NAMESPACE))


def kept(operator: Operator) -> list[str]:
    return sorted(
        s["metadata"]["name"] for s in operator.api.all("Secret", NAMESPACE) if "source" in s["metadata"]["name"]
    )


@in_virtual_time
@pytest.mark.parametrize("lost", ["content", "index", "changed"])
async def test_what_is_lost_of_what_was_kept_is_fetched_and_kept_anew(
    signer: Signer, web: VendorWeb, lost: str
) -> None:
    async with rolled_out(signer, web) as operator:
        api = operator.api
    before = kept(operator)
    assert len(before) == 2
    name = before[1] if lost == "index" else before[0]
    if lost == "changed":
        api.change("Secret", name, {"data": {"content": "b3RoZXI="}}, NAMESPACE)
    else:
        api.delete("Secret", name, NAMESPACE)

    async with operating(signer, api, web=web) as operator:
        await until(lambda: kept(operator) == before)
        await quiet(30)
        assert running(operator) == "1.0.0"
        assert operator.ready()[0] == "True"
    asked = len(web.vendor.asked("release"))
    web.down = True
    async with operating(signer, api, web=web) as operator:
        await quiet(30)
        assert "is used on" in condition(operator, "SourcesReady")["message"]
    assert len(web.vendor.asked("release")) == asked


@in_virtual_time
async def test_an_app_that_has_its_manifests_elsewhere_now_keeps_nothing(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        operator.put_app(config_map(a="1"))
        await until(lambda: operator.api.get("ConfigMap", "settings", NAMESPACE) is not None)
        await operator.until_ready()

        assert kept(operator) == []
        assert condition(operator, "SourcesReady") == {}
        assert "release" not in operator.status()
        asked = len(web.vendor.requests)
        await quiet(3000)
        assert len(web.vendor.requests) == asked


@in_virtual_time
async def test_a_suspended_app_asks_nobody(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        follow(operator, suspend=True)
        await quiet(10)
        asked = len(web.vendor.requests)
        publish(web.vendor, "1.1.0")
        await quiet(3000)
        assert len(web.vendor.requests) == asked

        follow(operator)
        await until(lambda: running(operator) == "1.1.0")


@in_virtual_time
async def test_a_release_that_can_not_be_read_is_left_for_the_next_one(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web, interval="5m") as operator:
        web.vendor.publish("1.1.0", {"app.yaml": "kind: {"})
        await operator.until_reason("InvalidManifest")
        assert "channelRelease" in operator.whole_message()
        assert running(operator) == "1.0.0"
        assert operator.status()["release"]["versionLabel"] == "1.0.0", "that is the one that runs"

        publish(web.vendor, "1.1.1")
        await until(lambda: running(operator) == "1.1.1")


@in_virtual_time
async def test_a_server_that_asks_to_be_left_alone_is(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web, interval="10s"):
        web.vendor.faults["pending"] = lambda *_: Response(429, b"", {"Retry-After": "600"})
        await quiet(20)
        asked = len(web.vendor.requests)
        await quiet(570)
        assert len(web.vendor.requests) == asked
        await quiet(60)
        assert len(web.vendor.requests) > asked


@in_virtual_time
async def test_an_app_without_anything_is_not_looked_for_each_time_it_is_woken(signer: Signer, web: VendorWeb) -> None:
    web.down = True
    web.vendor.requests.clear()
    calls: list[float] = []
    get = web.get

    async def counted(question: Any) -> Any:
        calls.append(0.0)
        return await get(question)

    web.get = counted  # type: ignore[method-assign]
    async with operating(signer, web=web) as operator:
        follow(operator, interval="10m", config={"valuesFrom": [{"configMapRef": {"name": "answers"}}]})
        await operator.until_reason("SourceUnavailable")
        await quiet(2)
        before = len(calls)
        for number in range(20):
            operator.api.put({**config_map("answers", a=str(number))})
            await quiet(0.3)

        assert len(calls) <= before + 2


@in_virtual_time
async def test_a_large_release_is_not_held_in_memory_and_rolls_out_all_the_same(signer: Signer, web: VendorWeb) -> None:
    made = deployment("web", "quay.io/my-org/web:1")
    del made["metadata"]["namespace"]
    large = random.Random(1).randbytes(3 * MAX_AT_HAND)
    web.vendor.publish("2.0.0", {"app.yaml": yaml.safe_dump_all([release_object("2.0.0"), made]), "logo.png": large})
    async with operating(signer, web=web) as operator:
        follow(operator)
        await until(lambda: operator.api.get("Deployment", "web", NAMESPACE) is not None)
        await quiet(60)
        live = operator.api.live("Deployment", "web", NAMESPACE)
        operator.api.change("Deployment", "web", {"status": well(live)}, NAMESPACE)
        await operator.until_ready()

        assert len(kept(operator)) > 4
        assert len(web.vendor.asked("release")) == 1


def test_what_is_large_is_not_at_hand() -> None:
    small, large = (Artifact("1", "", bytes(size)) for size in (MAX_AT_HAND, MAX_AT_HAND + 1))

    assert at_hand({"small": small, "large": large}, lambda *_: True) == {"small": small}
    assert at_hand({"small": small}, lambda *_: False) == {}
