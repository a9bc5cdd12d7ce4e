"""Gives random input to readers of what others wrote; ``fuzz_inputs`` and ``fuzz_kinds`` make it.

By itself: ``python devel/harness/fuzz.py COUNT [SEED]`` runs COUNT inputs of each kind and says how long the slowest
one took. Anything but an answer, or an error of the kind that is reported, ends it with the input that did it.
``python devel/harness/fuzz.py --reader COUNT [SEED]`` gives YAML, JSON and archives to a reader's children, and says
how much memory this process, in the operator's place, came to hold.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2] / "operator"), str(Path(__file__).parents[2] / "devel")]


if TYPE_CHECKING:
    from collections.abc import Callable


def run(
    make: Callable[[random.Random], Any], attempt: Callable[[Any], bool], count: int, seed: int
) -> tuple[int, float]:
    """How many of the inputs were taken, and the seconds that the slowest one took."""
    numbers = random.Random(seed)
    taken, slowest = 0, 0.0
    for _ in range(count):
        data = make(numbers)
        began = time.perf_counter()
        try:
            taken += attempt(data)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}: {data!r}") from error
        slowest = max(slowest, time.perf_counter() - began)
    return taken, slowest


if __name__ == "__main__":
    from harness import fuzz_kinds, fuzz_reader

    arguments = [argument for argument in sys.argv[1:] if argument != "--reader"]
    amount, first = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1
    if "--reader" in sys.argv:
        print(asyncio.run(fuzz_reader.run(amount, first)))
    else:
        for kind in fuzz_kinds.KINDS:
            good, longest = run(kind.make, kind.attempt, amount, first)
            summary = f"{good} taken, {amount - good} refused, slowest {longest * 1000:.0f} ms"
            print(f"{kind.name}: {amount} inputs, {summary}", flush=True)
