"""Progress bars on standard error, for a person who has to wait; programs and pipes never see them."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bar

# Fewer are done before a bar could be read.
_WORTH_A_BAR = 8


class _Shown:
    """Use as a context manager; the bar goes away when it is done."""

    def __init__(self, what: str, total: int | None, column: ProgressColumn, *, hidden: bool = False) -> None:
        self._bar = Bar(
            TextColumn(what),
            BarColumn(),
            column,
            console=Console(stderr=True),
            transient=True,
            disable=hidden or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class Progress(_Shown):
    """``advance`` after each of ``total`` steps."""

    def __init__(self, what: str, total: int) -> None:
        super().__init__(what, total, MofNCompleteColumn(), hidden=total < _WORTH_A_BAR)

    def advance(self) -> None:
        self._bar.advance(self._task)


class Transfer(_Shown):
    """For bytes as they come."""

    def __init__(self, what: str) -> None:
        super().__init__(what, None, DownloadColumn())

    def received(self, so_far: int, total: int | None) -> None:
        """So many bytes have come, of ``total`` where that is known."""
        self._bar.update(self._task, completed=so_far, total=total)
