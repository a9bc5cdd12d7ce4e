"""Ending the operator at a random moment of its work."""

import random
import time

from fleet import Fleet
from forked import ForkedOperator

# Seconds from its start until an operator with a few apps has looked at all of them.
BUSY = 0.8


def kill_once(operator: ForkedOperator, fleet: Fleet, rng: random.Random) -> None:
    """Start it, change a thing or two meanwhile, and kill it while it is at work, or has just begun or ended it."""
    operator.start(ready=False)
    moment = time.monotonic() + rng.uniform(0.1, BUSY)
    for _ in range(rng.randrange(1, 3)):
        fleet.disturb()
    time.sleep(max(0.0, moment - time.monotonic()))
    assert operator.running, operator.said()[-3000:]
    operator.kill()
