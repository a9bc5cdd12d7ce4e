"""Where a long step says how far it is: one line a step, with the time it took."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

from contextlib import contextmanager


class Progress(Protocol):
    """Anything that takes one finished line of progress."""

    def __call__(self, line: str, /) -> None: ...


def to_stderr(line: str, /) -> None:
    """Print a line of progress where it cannot mix with a command's output."""
    print(line, file=sys.stderr, flush=True)


def silent(line: str, /) -> None:
    """Take a line of progress and show nothing."""


@contextmanager
def step(say: Progress, what: str) -> Iterator[Callable[[], float]]:
    """Time a step and say its line when it is done; yields the seconds so far."""
    began = time.monotonic()
    yield lambda: time.monotonic() - began
    say(f"{what} ({time.monotonic() - began:.1f} s)")
