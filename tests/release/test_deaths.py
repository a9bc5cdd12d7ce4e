"""A release whose reader died twice for the same inputs is given up until they change."""

from __future__ import annotations

from typing import Any

import pytest

from kotsapp.release import deaths
from kotsapp.release.deaths import Deaths


def test_two_deaths_for_the_same_inputs_are_enough() -> None:
    once = deaths.one_more(None, "digest", "it took more than 64 MiB of memory")
    assert not once.too_expensive
    twice = deaths.one_more(once, "digest", "it took more than 20 s of CPU")
    assert twice.too_expensive
    assert twice.message == (
        "it took more than 20 s of CPU, 2 times for the same sources; it is read again when they change"
    )


def test_other_inputs_begin_anew() -> None:
    twice = Deaths("digest", 2, "reason")
    assert deaths.of(twice, "other") is None
    assert deaths.of(twice, "digest") is twice
    assert deaths.one_more(twice, "other", "reason").count == 1


def test_it_is_kept_over_a_restart() -> None:
    once = Deaths("digest", 1, "reason")
    assert Deaths.from_status(once.to_status()) == once


@pytest.mark.parametrize("status", [None, {}, {"fingerprint": 1}, {"fingerprint": "a", "count": "2", "reason": "b"}])
def test_what_is_no_record_counts_for_none(status: dict[str, Any] | None) -> None:
    assert Deaths.from_status(status) is None
