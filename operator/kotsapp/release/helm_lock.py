"""One helm at a time over all processes that read releases: two would not fit into the pod beside each other."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

HELM_LOCK_VARIABLE = "KOTSAPP_HELM_LOCK"


@contextlib.contextmanager
def helm_turn() -> Iterator[None]:
    """Waits for it, where there is a lock to share; a process that is killed gives it back."""
    path = os.environ.get(HELM_LOCK_VARIABLE)
    if not path:
        yield
        return
    with Path(path).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
