"""An upgrade, a downgrade and another license are told apart, and nothing is said when nothing changed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.licensed import LICENSE_ID, Vendor
from kotsapp.license import load
from kotsapp.license.facts import ChangeReason, LicenseFacts, compare, facts, from_status, to_status

KNOWN = LicenseFacts("my-kots-app", "Ada", "Stable", "prod", 7, "2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("change", "reason", "warning", "reported"),
    [
        ({"license_sequence": 8}, ChangeReason.UPGRADED, False, "licenseSequence 7 -> 8"),
        ({"license_sequence": 8, "channel_name": "Beta"}, ChangeReason.UPGRADED, False, "channelName Stable -> Beta"),
        ({"license_sequence": 6}, ChangeReason.DOWNGRADED, True, "licenseSequence 7 -> 6"),
        ({"app_slug": "other"}, ChangeReason.CHANGED, True, "appSlug my-kots-app -> other"),
        ({"app_slug": "other", "license_sequence": 1}, ChangeReason.CHANGED, True, "routed anew"),
        ({"expires_at": ""}, ChangeReason.CHANGED, False, "expiresAt 2027-01-01T00:00:00Z -> none"),
    ],
)
def test_a_change_has_one_event(change: dict[str, Any], reason: ChangeReason, warning: bool, reported: str) -> None:
    event = compare(KNOWN, replace(KNOWN, **change))
    assert event is not None
    assert (event.reason, event.warning) == (reason, warning)
    assert reported in event.message


def test_the_first_license_and_the_same_license_have_none() -> None:
    assert compare(None, KNOWN) is None
    assert compare(KNOWN, replace(KNOWN)) is None


def test_facts_come_back_from_the_status_that_they_were_written_to(vendor: Vendor) -> None:
    license = load(vendor.license(entitlements={"expires_at": {"value": "2027-01-01T00:00:00Z"}}), vendor.trusted)
    written = to_status(facts(license))
    assert written == {
        "appSlug": "my-kots-app",
        "customerName": "Ada & Söhne",
        "channelName": "Stable",
        "licenseType": "prod",
        "licenseSequence": 7,
        "expiresAt": "2027-01-01T00:00:00Z",
    }
    assert from_status(written) == facts(license)
    assert LICENSE_ID not in str(written)


def test_what_is_empty_is_not_in_the_status() -> None:
    assert to_status(LicenseFacts("app")) == {"appSlug": "app", "licenseSequence": 0}
    assert from_status({"appSlug": "app"}) == LicenseFacts("app")


@pytest.mark.parametrize(
    "status",
    [
        None,
        {},
        {"appSlug": ""},
        {"appSlug": 5},
        {"appSlug": "app", "licenseSequence": "7"},
        {"appSlug": "a", "customerName": []},
    ],
)
def test_a_status_of_somebody_else_counts_as_none(status: Any) -> None:
    assert from_status(status) is None


def test_the_end_is_written_in_utc(vendor: Vendor) -> None:
    license = load(vendor.license(entitlements={"expires_at": {"value": "2027-01-01T01:00:00+02:00"}}), vendor.trusted)
    assert license.expires_at == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert facts(license).expires_at == "2026-12-31T23:00:00Z"
