"""What a new license document changes, reported in one event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from kotsapp.license.loading import License


class ChangeReason(StrEnum):
    """The reason of the event."""

    UPGRADED = "LicenseUpgraded"
    """A higher ``licenseSequence``: the vendor issued it later."""
    DOWNGRADED = "LicenseDowngraded"
    """A lower one: an older document came back, by mistake as often as not."""
    CHANGED = "LicenseChanged"
    """Another application's license, or another document of the same sequence."""


@dataclass(frozen=True, slots=True)
class LicenseFacts:
    """What the status says of a license; never the id. ``expires_at`` is RFC 3339, empty for never."""

    app_slug: str
    customer_name: str = ""
    channel_name: str = ""
    license_type: str = ""
    license_sequence: int = 0
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class LicenseChange:
    """An event to send. ``warning`` is its type: Warning or Normal."""

    reason: ChangeReason
    message: str
    warning: bool


def facts(license: License) -> LicenseFacts:
    return LicenseFacts(
        app_slug=license.app_slug,
        customer_name=license.customer_name,
        channel_name=license.channel_name,
        license_type=license.license_type,
        license_sequence=license.license_sequence,
        expires_at=timestamp(license.expires_at),
    )


def to_status(known: LicenseFacts) -> dict[str, Any]:
    """``status.license``: appSlug, customerName and so on; empty texts are left out."""
    values = {name: getattr(known, attribute) for attribute, name in _STATUS_NAMES.items()}
    return {name: value for name, value in values.items() if value != ""}


def from_status(status: Mapping[str, Any] | None) -> LicenseFacts | None:
    """The facts of an earlier status; None when there are none, or not such as ``to_status`` writes."""
    if not isinstance(status, Mapping) or not status.get("appSlug"):
        return None
    found = {attribute: status[name] for attribute, name in _STATUS_NAMES.items() if name in status}
    known = LicenseFacts(**found)
    expected = {attribute: type(getattr(_EMPTY, attribute)) for attribute in _STATUS_NAMES}
    return known if all(type(getattr(known, attribute)) is kind for attribute, kind in expected.items()) else None


def compare(previous: LicenseFacts | None, current: LicenseFacts) -> LicenseChange | None:
    """The event for going from one license to the other; None for the first one and for no change."""
    if previous is None or previous == current:
        return None
    changes = ", ".join(
        f"{name} {_named(before)} -> {_named(after)}"
        for attribute, name in _STATUS_NAMES.items()
        if (before := getattr(previous, attribute)) != (after := getattr(current, attribute))
    )
    if previous.app_slug != current.app_slug:
        message = f"the license is for another application now, and every private image is routed anew: {changes}"
        return LicenseChange(ChangeReason.CHANGED, message, warning=True)
    if current.license_sequence > previous.license_sequence:
        return LicenseChange(ChangeReason.UPGRADED, f"a newer license is in use: {changes}", warning=False)
    if current.license_sequence < previous.license_sequence:
        return LicenseChange(ChangeReason.DOWNGRADED, f"an older license is in use: {changes}", warning=True)
    message = f"another license of the same sequence is in use: {changes}"
    return LicenseChange(ChangeReason.CHANGED, message, warning=False)


def timestamp(moment: datetime | None) -> str:
    """RFC 3339 in UTC to the second, empty for never."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _named(value: object) -> str:
    return str(value) if value != "" else "none"


_EMPTY = LicenseFacts("")
_STATUS_NAMES = {
    "app_slug": "appSlug",
    "customer_name": "customerName",
    "channel_name": "channelName",
    "license_type": "licenseType",
    "license_sequence": "licenseSequence",
    "expires_at": "expiresAt",
}
