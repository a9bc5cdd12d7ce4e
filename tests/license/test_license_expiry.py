"""Until when a license counts, and when somebody should look again."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.license import LicenseState, expiry_state, next_moment
from kotsapp.license.expiry import parse_expiry

END = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("2026-06-15T12:00:00Z", END),
        ("2026-06-15t12:00:00z", END),
        ("2026-06-15T14:00:00+02:00", END),
        ("2026-06-15T12:00:00.5Z", END.replace(microsecond=500_000)),
        ("2026-06-15T12:00:00.000000001Z", END),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_rfc_3339_is_read(text: str, moment: datetime | None) -> None:
    assert parse_expiry(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "never",
        "2026-06-15",
        "2026-06-15T12:00:00",
        "2026-06-15 12:00:00Z",
        "2026-06-15T12:00Z",
        "20260615T120000Z",
        "2026-W24-1T12:00:00Z",
        "2026-06-15T12:00:00+0200",
        "2026-13-01T00:00:00Z",
        "2026-06-15T24:00:01Z",
        "2026-06-15T12:00:00+25:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "٢٠٢٦-06-15T12:00:00Z",
        " 2026-06-15T12:00:00Z",
        "2026-06-15T12:00:00Z\n",
    ],
)
def test_what_is_no_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|no such moment"):
        parse_expiry(text)


@pytest.mark.parametrize(
    ("before_the_end", "state", "next_look_before_the_end"),
    [
        (timedelta(days=400), LicenseState.VALID, timedelta(days=14)),
        (timedelta(days=14, seconds=1), LicenseState.VALID, timedelta(days=14)),
        (timedelta(days=14), LicenseState.EXPIRING_SOON, timedelta()),
        (timedelta(seconds=1), LicenseState.EXPIRING_SOON, timedelta()),
        (timedelta(), LicenseState.EXPIRED, None),
        (timedelta(days=-1), LicenseState.EXPIRED, None),
    ],
)
def test_two_weeks_before_the_end_it_warns_and_at_the_end_it_ends(
    before_the_end: timedelta, state: LicenseState, next_look_before_the_end: timedelta | None
) -> None:
    now = END - before_the_end
    assert expiry_state(END, now) is state
    expected = None if next_look_before_the_end is None else END - next_look_before_the_end
    assert next_moment(END, now) == expected


def test_a_license_without_an_end_needs_no_look() -> None:
    assert expiry_state(None, END) is LicenseState.VALID
    assert next_moment(None, END) is None


moments = st.integers(946684800, 4102444800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ends = st.datetimes(timezones=st.just(UTC))


@given(ends, moments)
def test_whoever_looks_at_the_next_moment_sees_another_state(end: datetime, now: datetime) -> None:
    looks = [now]
    while (moment := next_moment(end, looks[-1])) is not None:
        assert moment > looks[-1]
        looks.append(moment)
    states = [expiry_state(end, look) for look in looks]
    assert len(set(states)) == len(states) <= 3
    assert states[-1] is LicenseState.EXPIRED


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_the_offset_is_only_another_way_to_write_the_moment(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0)
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_expiry(elsewhere.isoformat()) == moment
