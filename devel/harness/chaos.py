"""Ending the operator at a random moment of its work."""

import random
import time

from harness.fleet import Fleet
from harness.running import Operator

# Seconds from its start until an operator with a few apps has looked at all of them.
BEGINNING = 0.4
# Seconds in which it has answered a change or two.
ANSWERING = 0.3


def kill_once(operator: Operator, fleet: Fleet, rng: random.Random) -> None:
    """Start it, change a thing or two, and kill it while it is at work, or has just begun or ended it."""
    operator.start(ready=False)
    time.sleep(rng.uniform(0.0, BEGINNING))
    for _ in range(rng.randrange(1, 3)):
        fleet.disturb()
    time.sleep(rng.uniform(0.0, ANSWERING))
    assert operator.running, operator.said()[-3000:]
    operator.kill()
