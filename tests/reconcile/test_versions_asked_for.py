"""Which version of the vendor's channel runs: required releases, versions that are named, versions in order."""

from typing import Any

import yaml

from harness.channel_apps import follow, publish, release_object, rolled_out, running
from harness.cluster import NAMESPACE, config_map, deployment, well
from harness.inprocess import operating
from harness.licenses import LICENSE_ID, Signer
from harness.running import ROOT
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until
from localworld.release_channel import Customer, Request, Response


def pinned(label: str) -> list[dict[str, Any]]:
    return [{"channelRelease": {"versionLabel": label}}]


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
        assert operator.condition("Stalled")["status"] == "True", "only a person, here or at the vendor's, can mend it"
        message = operator.whole_message()
        assert message.startswith("release 1.4.2 can't be had: replicated.app answered 404 for release 1.4.2")
        assert message.endswith("What runs is left alone, with release 1.0.0 (1)")
        assert operator.condition("SourcesReady")["message"] == message
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
async def test_a_version_that_can_not_be_had_is_reported_as_the_page_for_troubles_quotes_it(
    signer: Signer, web: VendorWeb
) -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    quoted = page.partition("### A version that can't be had\n")[2].split("```\n")[1]
    async with rolled_out(signer, web, manifests=pinned("1.0.0")) as operator:
        follow(operator, manifests=pinned("1.4.2"))
        await operator.until_reason("SourceUnavailable")
        status, reason = operator.ready()
        event = next(event for event in operator.api.all("Event", NAMESPACE) if event["reason"] == reason)
        reported = f"Ready {status}: {reason}: {operator.message()}\nevent: {event['type']} {event['reason']}\n"
    assert reported == quoted


@in_virtual_time
async def test_another_version_while_the_service_is_down_is_waited_for(signer: Signer, web: VendorWeb) -> None:
    publish(web.vendor, "1.1.0")
    async with rolled_out(signer, web, manifests=pinned("1.0.0")) as operator:
        web.down = True
        follow(operator, manifests=pinned("1.1.0"))
        await operator.until_reason("SourceUnavailable")
        assert operator.condition("Reconciling")["status"] == "True", "it passes by itself"
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
