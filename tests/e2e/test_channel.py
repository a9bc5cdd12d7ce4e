"""A license is enough: releases come from the vendor's channel, on a real API server."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.apps import LICENSE_ID, PRIVATE, PROXIED, SLUG, Tenant, config_map, deployment
from harness.conditions_rules import violations
from harness.licenses import Signer
from harness.recording import Recording, recording
from harness.running import Operator
from harness.waiting import stays, until
from localworld.release_channel import Customer, Response, Vendor
from localworld.world import World

NAME, CHANNEL = "shop", "stable"
CONFIG = """
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: shop}
spec:
  groups:
    - {name: main, title: Main, items: [{name: hostname, title: Host, type: text, default: shop.example.com}]}
"""


@pytest.fixture
def vendor(world: World, signer: Signer) -> Iterator[Vendor]:
    """The vendor of my-kots-app, with one customer and one release."""
    vendor = world.releases.vendors[SLUG] = Vendor(SLUG)
    vendor.customers[LICENSE_ID] = Customer(signer.sign(channelID=CHANNEL), 3, CHANNEL)
    publish(vendor, "1.0.0")
    yield vendor
    del world.releases.vendors[SLUG]
    world.releases.stop()
    world.releases.start()


@pytest.fixture
def tenant(world: World, signer: Signer, operator: Operator) -> Iterator[Tenant]:
    """Its app asks the one service that all tests have, so it goes with the test."""
    tenant = Tenant.make(world, signer, channelID=CHANNEL)
    yield tenant
    tenant.kubectl("delete", "kotsapps", "--all", "--timeout=60s")


def publish(vendor: Vendor, version: str, *, outcome: str = "", **fields: Any) -> None:
    """A release with a Deployment of a private image, and a ConfigMap that says what the release is."""
    web = deployment("web", PRIVATE)
    marks = {"version": version} | ({"localworld/outcome": outcome} if outcome else {})
    web["spec"]["template"]["metadata"]["annotations"] = marks
    reported = config_map(
        "told",
        version="{{repl VersionLabel }}",
        sequence="{{repl Sequence }}",
        cursor="{{repl Cursor }}",
        channel="{{repl ChannelName }}",
        notes='{{repl ReleaseNotes | default "none" }}',
        host='{{repl ConfigOption "hostname" }}',
    )
    vendor.publish(version, {"config.yaml": CONFIG, "app.yaml": yaml.safe_dump_all([web, reported])}, CHANNEL, **fields)


def follow(tenant: Tenant, **spec: Any) -> None:
    tenant.put_app_spec(
        NAME,
        {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"channelRelease": {}}], "interval": "10s"}
        | spec,
    )


def running(tenant: Tenant) -> str:
    found = tenant.get("configmaps", "told")
    return str(found["data"]["version"]) if found else ""


def ready_with(tenant: Tenant, version: str) -> None:
    """Until the app is Ready with this version, and says so."""

    def reported() -> bool:
        status = tenant.status(NAME)
        is_ready = tenant.condition(NAME).get("status") == "True"
        return is_ready and status.get("release", {}).get("versionLabel") == version

    until(reported, f"{NAME} is Ready with {version}", 90)


def look_now(tenant: Tenant, value: str) -> None:
    tenant.kubectl("annotate", "--overwrite", f"kotsapp/{NAME}", f"kotsapp.dev/requestedAt={value}")
    until(lambda: tenant.status(NAME).get("lastHandledRequestedAt") == value, "the request is answered", 60)


def versions_reported(recorded: Recording) -> list[tuple[str, str]]:
    """The version and Ready's status of each status that was written, without repetitions."""
    reported: list[tuple[str, str]] = []
    for status, _, _ in recorded.statuses(NAME):
        ready = next((c["status"] for c in status.get("conditions") or () if c["type"] == "Ready"), "")
        now = (status.get("release", {}).get("versionLabel", ""), ready)
        if not reported or reported[-1] != now:
            reported.append(now)
    return reported


def test_a_license_and_eight_lines_are_enough(tenant: Tenant, vendor: Vendor) -> None:
    follow(tenant)
    ready_with(tenant, "1.0.0")

    pod = tenant.get("deployments", "web")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == PROXIED
    assert tenant.get("configmaps", "told")["data"] == {
        "version": "1.0.0",
        "sequence": "0",
        "cursor": "1",
        "channel": "Stable",
        "notes": "none",
        "host": "shop.example.com",
    }
    shown = tenant.kubectl("get", "kotsapp", NAME).split()
    assert shown[shown.index("VERSION") :][:1] == ["VERSION"]
    assert "1.0.0" in shown


def test_three_releases_are_followed_over_a_required_one_and_every_status_says_which(
    tenant: Tenant, vendor: Vendor, scratch: Path
) -> None:
    with recording(tenant, scratch) as recorded:
        follow(tenant, interval="1h")
        ready_with(tenant, "1.0.0")
        publish(vendor, "1.1.0", is_required=True, notes="a migration")
        publish(vendor, "1.2.0")
        look_now(tenant, "one")
        ready_with(tenant, "1.2.0")
        reported = versions_reported(recorded)
        everything = recorded.statuses(NAME)

    assert [one for one in reported if one[1] == "True"] == [("1.0.0", "True"), ("1.2.0", "True")]
    assert ("1.1.0", "Unknown") in reported, "the one on the way is not what is asked for"
    assert [version for version, _ in reported] == sorted(version for version, _ in reported)
    broken = violations([status for status, _, _ in everything], [generation for _, generation, _ in everything])
    assert not broken, "\n".join(broken)
    available = [tuple(one["versionLabel"] for one in s.get("availableReleases", ())) for s, _, _ in everything]
    assert ("1.2.0",) in available
    assert available[-1] == ()
    events = tenant.events()
    assert (events.count("ReleaseFound"), events.count("ReleaseRolledOut")) == (3, 3)
    assert tenant.get("configmaps", "told")["data"]["sequence"] == "2"
    asked = [request.query["channelSequence"] for request in vendor.asked("release")]
    assert asked == ["", "2", "3"]


def test_a_required_release_that_does_not_get_ready_holds_the_next_ones_back(tenant: Tenant, vendor: Vendor) -> None:
    follow(tenant)
    ready_with(tenant, "1.0.0")
    publish(vendor, "1.1.0", is_required=True, outcome="unready")
    publish(vendor, "1.2.0")

    until(lambda: running(tenant) == "1.1.0", "the required one is rolled out", 60)
    look_now(tenant, "again")
    stays(lambda: running(tenant) == "1.1.0", "1.1.0 runs", 3)
    assert [one["versionLabel"] for one in tenant.status(NAME)["availableReleases"]] == ["1.2.0"]
    # Whoever names an older version goes back at once.
    follow(tenant, manifests=[{"channelRelease": {"versionLabel": "1.0.0"}}])
    ready_with(tenant, "1.0.0")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_a_service_that_refuses_changes_nothing_and_says_so(tenant: Tenant, vendor: Vendor, status: int) -> None:
    follow(tenant)
    ready_with(tenant, "1.0.0")
    for kind in ("pending", "release", "license"):
        vendor.faults[kind] = lambda *_: Response(status)
    publish(vendor, "1.1.0")
    look_now(tenant, "refused")

    reported = until(lambda: (c := tenant.condition(NAME, "SourcesReady")).get("status") == "False" and c, "it is told")
    assert reported["reason"] == "SourceUnavailable"
    assert f"replicated.app answered {status}" in reported["message"]
    assert "release 1.0.0 (1) is used on" in reported["message"]
    assert tenant.condition(NAME)["status"] == "True"
    tenant.world.api.delete(tenant.path("configmaps", "told"))
    until(lambda: running(tenant) == "1.0.0", "drift is repaired meanwhile")

    vendor.faults.clear()
    look_now(tenant, "served")
    ready_with(tenant, "1.1.0")


def test_an_operator_that_starts_while_the_service_is_down_goes_on(
    tenant: Tenant, vendor: Vendor, operator: Operator, world: World
) -> None:
    follow(tenant)
    ready_with(tenant, "1.0.0")
    world.releases.stop()
    operator.kill()
    tenant.world.api.delete(tenant.path("configmaps", "told"))
    operator.start()

    until(lambda: running(tenant) == "1.0.0", "what was deleted is there again", 60)
    reported = until(lambda: (c := tenant.condition(NAME, "SourcesReady")).get("status") == "False" and c, "it is told")
    assert "can't be reached" in reported["message"]
    world.releases.start()


def test_what_is_kept_goes_with_the_app_and_is_replaced_with_each_release(tenant: Tenant, vendor: Vendor) -> None:
    def kept() -> dict[str, str]:
        found = [s for s in tenant.all("secrets") if s["type"] == "kotsapp.dev/sources.v1"]
        assert all(s["metadata"]["ownerReferences"][0]["name"] == NAME for s in found)
        return {s["metadata"]["name"]: s["metadata"]["uid"] for s in found}

    follow(tenant)
    ready_with(tenant, "1.0.0")
    before = kept()
    publish(vendor, "1.1.0")
    look_now(tenant, "one")
    ready_with(tenant, "1.1.0")

    after = kept()
    assert len(before) == len(after) == 2
    assert set(before) & set(after) == {f"{NAME}.sources"}


def test_the_newest_license_renews_one_that_has_expired(
    tenant: Tenant, vendor: Vendor, signer: Signer, world: World
) -> None:
    tenant.put_license(channelID=CHANNEL, expires_at="2020-01-01T00:00:00Z")
    vendor.customers[LICENSE_ID].document = signer.sign(channelID=CHANNEL, licenseSequence=4)
    follow(tenant)
    ready_with(tenant, "1.0.0")

    assert tenant.status(NAME)["license"]["licenseSequence"] == 4
    held = base64.b64decode(tenant.get("secrets", "my-license")["data"]["license.yaml"]).decode()
    assert "2020-01-01" in held, "the Secret is the customer's"


def test_two_tenants_share_nothing(tenant: Tenant, vendor: Vendor, world: World, signer: Signer) -> None:
    """Another customer, whose license the service does not know, gets nothing of what this one's opened."""
    follow(tenant)
    ready_with(tenant, "1.0.0")
    other = Tenant.make(world, signer, channelID=CHANNEL, licenseID="another-license")
    follow(other)

    ready = other.wait_reason(NAME, "SourceUnavailable")
    assert "answered 401" in ready["message"]
    assert other.get("configmaps", "told") == {}
    other.kubectl("delete", "kotsapp", NAME)
    # And nothing of it when it takes the place of the license with which something was fetched.
    tenant.put_license(channelID=CHANNEL, licenseID="another-license")
    assert "answered 401" in tenant.wait_reason(NAME, "SourceUnavailable")["message"]
    assert json.dumps(tenant.status(NAME)).count("another-license") == 0
    assert running(tenant) == "1.0.0", "what runs is left as it is"
