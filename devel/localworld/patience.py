"""How much longer than on an idle machine things may take here and now."""

from __future__ import annotations

import os

# An idle machine, too, is busy for a moment now and then.
_AT_LEAST = 2.0


def crowding() -> float:
    """How many wait for each core; 1 where none waits."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def patience() -> float:
    """What a deadline is to be multiplied by: as many as wait for each core, and two at least.

    A deadline ends what will never happen; on a machine that has other things to do, what does happen takes longer.
    """
    return max(_AT_LEAST, crowding())
