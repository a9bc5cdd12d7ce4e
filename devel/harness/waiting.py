"""Waiting for a condition instead of sleeping for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.05

T = TypeVar("T")


def until(
    condition: Callable[[], T | None], what: str, seconds: float = 30.0, check: Callable[[], None] | None = None
) -> T:
    """What ``condition`` returns once it is truthy; fails with ``what`` and the last value after ``seconds``.

    ``check`` is called between the tries and may raise.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if check is not None:
            check()
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {value!r}"[:4000])
        time.sleep(POLL_SECONDS)


def stays(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Fails as soon as ``condition`` does not hold any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"held no longer: {what}")
        time.sleep(POLL_SECONDS)
