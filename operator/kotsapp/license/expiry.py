"""When a license ends, and when somebody should look at it again because of that."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from kotsapp.regexes import regex

EXPIRY_WARNING = timedelta(days=14)

_RFC3339 = regex(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class LicenseState(StrEnum):
    VALID = "Valid"
    EXPIRING_SOON = "ExpiringSoon"
    EXPIRED = "Expired"


def parse_expiry(text: str) -> datetime | None:
    """The moment in UTC; None for empty text, which means never. Raises ValueError: not an RFC 3339 date and time."""
    if not text:
        return None
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError('expected RFC 3339, as in "2030-12-31T00:00:00Z"')
    day, time, fraction, offset = found.groups()
    micros = (fraction or "0")[:6]
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{micros:0<6}{offset.upper().replace('Z', '+00:00')}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment") from None


def expiry_state(expires_at: datetime | None, now: datetime) -> LicenseState:
    """``now`` is aware. A license is expired from the moment ``expires_at`` on."""
    if expires_at is None or now + EXPIRY_WARNING < expires_at:
        return LicenseState.VALID
    return LicenseState.EXPIRING_SOON if now < expires_at else LicenseState.EXPIRED


def next_moment(expires_at: datetime | None, now: datetime) -> datetime | None:
    """When ``expiry_state`` changes next: the begin of the warning, then the expiry; None when it never will."""
    match expiry_state(expires_at, now):
        case LicenseState.VALID:
            return None if expires_at is None else expires_at - EXPIRY_WARNING
        case LicenseState.EXPIRING_SOON:
            return expires_at
        case LicenseState.EXPIRED:
            return None
