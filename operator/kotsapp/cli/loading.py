"""While a command loads what it takes: most of a short one's time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector() -> Iterator[None]:
    """Without the cycle collector. What is loaded stays, and it would go through all of that again and again, which
    takes a fifth of the time that the Kubernetes client takes to load."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
