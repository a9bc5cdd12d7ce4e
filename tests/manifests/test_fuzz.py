"""Whatever comes in, an answer or an error of the kind that is told comes out; some thousands of each kind."""

from __future__ import annotations

import sys

import pytest

from harness import fuzz, fuzz_kinds, fuzz_reader
from harness.fuzz_kinds import KINDS, Kind

COUNTS = {"YAML": 4000, "archives": 2000}


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_random_input_never_crashes(kind: Kind) -> None:
    count = COUNTS.get(kind.name, 1000)
    taken, slowest = fuzz.run(kind.make, kind.attempt, count, seed=20260101)
    # Of both outcomes there are some, or the input is too tame or too wild to find anything.
    assert count * 0.01 < taken < count * 0.95
    assert slowest < 5


@pytest.mark.skipif(sys.platform != "linux", reason="readers are forked on Linux alone")
async def test_random_input_kills_no_reader() -> None:
    assert (await fuzz_reader.run(100, 1)).startswith("100 inputs in children")


def test_changes_leave_what_they_change_as_it_was() -> None:
    before = repr(fuzz_kinds.OBJECTS)
    fuzz.run(fuzz_kinds.random_json, lambda _: True, 100, seed=1)
    assert repr(fuzz_kinds.OBJECTS) == before
