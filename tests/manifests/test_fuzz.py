"""Whatever comes in, objects or a ManifestError come out; 4,000 texts and 2,000 archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import fuzz

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("make", "name", "count"), [(fuzz.random_text, "a.yaml", 4000), (fuzz.random_archive, "a.tgz", 2000)]
)
def test_random_input_never_crashes(make: Callable[[random.Random], bytes], name: str, count: int) -> None:
    taken, slowest = fuzz.run(make, name, count, seed=20260101)
    # Of both outcomes there are some, or the input is too tame or too wild to find anything.
    assert count * 0.01 < taken < count * 0.9
    assert slowest < 5
