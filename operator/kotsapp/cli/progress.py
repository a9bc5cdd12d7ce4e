"""A progress bar on standard error, for a person who has to wait; programs and pipes never see it."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

# Fewer are done before a bar could be read.
_WORTH_A_BAR = 8


class Progress:
    """Use as a context manager; ``advance`` after each of ``total`` steps. The bar goes away when it is done."""

    def __init__(self, what: str, total: int) -> None:
        self._bar = Bar(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=total < _WORTH_A_BAR or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self) -> None:
        self._bar.advance(self._task)


class Transfer:
    """A bar for bytes as they come. Use as a context manager; the bar goes away when it is done."""

    def __init__(self, what: str) -> None:
        self._bar = Bar(
            TextColumn(what),
            BarColumn(),
            DownloadColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def received(self, so_far: int, total: int | None) -> None:
        """So many bytes have come, of ``total`` where that is known."""
        self._bar.update(self._task, completed=so_far, total=total)
