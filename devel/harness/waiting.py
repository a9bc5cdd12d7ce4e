"""Waiting for a condition instead of sleeping for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

from localworld.patience import patience

# What comes soon is seen soon; whatever takes long is not asked for all the while, since asking takes the processor
# from what is waited for.
FIRST_POLL, LONGEST_POLL, SLOWER = 0.03, 0.15, 1.15

T = TypeVar("T")


def until(
    condition: Callable[[], T | None], what: str, seconds: float = 30.0, check: Callable[[], None] | None = None
) -> T:
    """What ``condition`` returns once it is truthy; fails with ``what`` and the last value after ``seconds``.

    These are seconds of a machine that has nothing else to do: on a busy one there are more of them. ``check`` is
    called between the tries and may raise.
    """
    began = time.monotonic()
    pause = FIRST_POLL
    while True:
        value = condition()
        if value:
            return value
        if check is not None:
            check()
        waited = time.monotonic() - began
        if waited > seconds * patience():
            raise AssertionError(f"not within {waited:.0f} s: {what}; last seen: {value!r}"[:4000])
        time.sleep(pause)
        pause = min(pause * SLOWER, LONGEST_POLL)


def stays(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Fails as soon as ``condition`` does not hold any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"held no longer: {what}")
        time.sleep(LONGEST_POLL)
