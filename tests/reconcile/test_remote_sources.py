"""Releases that are fetched from the vendor's channel, by the operator's own workers on a fake cluster."""

from harness.channel_apps import follow, publish, rolled_out, running
from harness.cluster import NAMESPACE
from harness.inprocess import operating
from harness.licenses import LICENSE_ID, Signer
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until, within_virtual
from kotsapp.names import KIND, REQUEST_ANNOTATION
from localworld.release_channel import Response

DAY = 86400.0


@in_virtual_time
async def test_a_license_is_enough(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        assert running(operator) == "1.0.0"
        status = operator.status()
        assert status["release"] == {"versionLabel": "1.0.0", "channelSequence": 1}
        assert [source["name"] for source in status["sources"]] == ["channelRelease"]
        assert status["sources"][0]["revision"].startswith("1.0.0@sha256:")
        assert operator.condition("SourcesReady")["status"] == "True"
        assert "replicated.app" in status["license"]["hosts"], "the endpoint is shown the license id, too"
        assert operator.events().count("ReleaseFound") == 1
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
        reported = operator.condition("SourcesReady")
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
        assert operator.condition("SourcesReady")["reason"] == "SourceUnavailable"


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
        assert "ends too early" in operator.condition("SourcesReady")["message"]

        web.vendor.faults.clear()
        await until(lambda: running(operator) == "1.1.0")
        await until(lambda: operator.condition("SourcesReady")["status"] == "True")


@in_virtual_time
async def test_without_anything_fetched_the_app_says_what_to_do(signer: Signer, web: VendorWeb) -> None:
    web.vendor.customers.clear()
    async with operating(signer, web=web) as operator:
        follow(operator)
        await operator.until_reason("SourceUnavailable")

        assert "answered 401" in operator.whole_message()
        assert "ask the vendor" in operator.whole_message()
        assert LICENSE_ID not in str(operator.api.get(KIND, "my-app", NAMESPACE))


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


@within_virtual(DAY)
async def test_a_version_that_is_the_license_id_is_not_told(signer: Signer, web: VendorWeb) -> None:
    publish(web.vendor, LICENSE_ID)
    async with rolled_out(signer, web) as operator:
        for number in range(3):
            publish(web.vendor, f"{LICENSE_ID}-{number}", is_required=number == 1)
        await operator.until_ready()
        await quiet(DAY / 24)

        assert operator.status()["release"] == {"versionLabel": "***-2", "channelSequence": 5}
        assert LICENSE_ID not in str(operator.status())
        writes = operator.api.writes()
        await quiet(DAY / 24)
        assert operator.api.writes() == writes, "what is masked is no change"
