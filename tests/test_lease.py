"""A Lease as values: to whom it is open, and what whoever takes it writes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from harness.candidates import OLD
from kotsapp.lease import LEASE_SECONDS, Object, Seen, claimed, observe, released

NOON = datetime(2026, 11, 26, 12, 0, 0, 250_000, UTC)


@pytest.mark.parametrize(
    ("spec", "waited", "expected"),
    [
        ({}, 0, True),
        ({**OLD, "holderIdentity": ""}, 0, True),
        (OLD | {"holderIdentity": "b"}, 0, True),
        (OLD, 0, False),
        (OLD, 14.9, False),
        (OLD, 15, True),
        (OLD | {"renewTime": "1999-01-01T00:00:00.000000Z"}, 1, False),
        (OLD | {"renewTime": "2099-01-01T00:00:00.000000Z"}, 15, True),
        (OLD | {"leaseDurationSeconds": 60}, 59, False),
        (OLD | {"leaseDurationSeconds": 60}, 60, True),
        ({"holderIdentity": "a"}, 14.9, False),
        ({"holderIdentity": "a"}, 15, True),
        ({"renewTime": "never"}, 0, True),
    ],
)
def test_a_lease_is_open_to_b_when_nobody_has_it_or_nobody_was_heard_of_for_its_time(
    spec: Object, waited: float, expected: bool
) -> None:
    assert Seen(spec, 100.0).open_to("b", 100.0 + waited) is expected


def test_time_counts_from_the_last_change_that_was_seen() -> None:
    first = observe(None, OLD, 10.0)
    assert observe(first, dict(OLD), 20.0) is first
    renewed = {**OLD, "renewTime": "2026-11-26T12:00:00.000000Z"}
    assert observe(first, renewed, 20.0) == Seen(renewed, 20.0)


def test_a_lease_that_was_deleted_is_its_holders_for_as_long_as_one_that_was_renewed() -> None:
    gone = observe(observe(None, OLD, 10.0), None, 60.0)
    assert gone.open_to("a", 60.0)
    assert not gone.open_to("b", 74.9)
    assert observe(gone, None, 74.0).open_to("b", 75.0)
    assert not observe(gone, OLD, 74.0).open_to("b", 75.0), "it is there again"
    assert observe(None, None, 12.0).open_to("b", 12.0), "there never was one"


@pytest.mark.parametrize(
    ("spec", "acquired", "transitions"),
    [
        ({}, "2026-11-26T12:00:00.250000Z", 0),
        (OLD, "2026-11-26T12:00:00.250000Z", 4),
        (OLD | {"holderIdentity": "b"}, OLD["acquireTime"], 3),
        (released(OLD | {"holderIdentity": "b"}, NOON), "2026-11-26T12:00:00.250000Z", 4),
    ],
)
def test_whoever_takes_it_says_since_when_and_whoever_keeps_it_changes_the_renewal_alone(
    spec: Object, acquired: str, transitions: int
) -> None:
    assert claimed(spec, "b", NOON.astimezone(timezone(timedelta(hours=2)))) == {
        "holderIdentity": "b",
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": acquired,
        "renewTime": "2026-11-26T12:00:00.250000Z",
        "leaseTransitions": transitions,
    }


def test_what_is_released_is_nobodys() -> None:
    assert Seen(released(OLD, NOON), 0.0).open_to("b", 0.0)
