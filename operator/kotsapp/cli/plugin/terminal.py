"""Tables for a terminal: in colour, and as wide as it is. In a pipe they are plain, and each row is one line."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from functools import partial

from rich.cells import cell_len

from kotsapp.cli.output import cell, table

_GOOD, _BAD, _BUSY = "32", "31", "33"
_COLOURS = {
    **dict.fromkeys(("True", "Ready", "Public", "ReconciliationSucceeded", "Running", "Succeeded"), _GOOD),
    **dict.fromkeys(("False", "Degraded", "Unavailable", "Missing", "NotFound", "Error", "Unreachable"), _BAD),
    **dict.fromkeys(("undecided", "RateLimited", "Warning", "Failed", "CrashLoopBackOff", "ImagePullBackOff"), _BAD),
    **dict.fromkeys(("Unknown", "Progressing", "Updating", "Pending", "Suspended"), _BUSY),
}
# A whole cell, but for the first of a row, which is a name.
_CELL = re.compile(r"(?<=   )[A-Za-z]+(?=   |$)")
_BETWEEN = 3
_LEAST = 24


def is_terminal() -> bool:
    return sys.stdout.isatty()


def in_colour() -> bool:
    """On a terminal that has colours, unless https://no-color.org is asked for."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str) -> str:
    """A cell, in the colour of what it says."""
    colour = _COLOURS.get(text.strip())
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and in_colour() else text


def fitted(heads: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None) -> str:
    """A table no wider than ``width``, by default the terminal; without one as wide as its cells.

    The last column is wrapped first. Where that leaves too little of it, each row becomes a block of lines.
    """
    cells = [tuple(map(cell, row)) for row in rows]
    if width is None and is_terminal():
        width = shutil.get_terminal_size().columns
    widths = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
    taken = sum(widths[:-1]) + _BETWEEN * (len(widths) - 1)
    if width is None or taken + widths[-1] <= width:
        return _coloured(table(heads, cells))
    if width - taken < _LEAST:
        return "\n".join(_block(heads, row, width) for row in cells)
    room = partial(textwrap.wrap, width=width - taken, break_on_hyphens=False)
    wrapped = [
        (*row[:-1], part) if number == 0 else (*[""] * (len(row) - 1), part)
        for row in cells
        for number, part in enumerate(room(row[-1]) or [""])
    ]
    return _coloured(table(heads, wrapped))


def _block(heads: Sequence[str], row: Sequence[str], width: int) -> str:
    """The first cell, and below it the others by their heads."""
    lines = textwrap.wrap(row[0], width, break_on_hyphens=False) or [""]
    longest = max(map(len, heads))
    for head, text in zip(heads[1:], row[1:], strict=True):
        if text:
            first = f"  {head.lower():<{longest}}  "
            told = textwrap.wrap(text, max(width - len(first), 1), break_on_hyphens=False)
            lines += [first + painted(told[0]), *(" " * len(first) + more for more in told[1:])]
    return "\n".join(lines)


def _coloured(text: str) -> str:
    """What a table says well and badly; its first line are heads."""
    if not in_colour():
        return text
    heads, *rest = text.split("\n")
    return "\n".join([f"\x1b[1m{heads}\x1b[0m", *(_CELL.sub(lambda found: painted(found[0]), line) for line in rest)])
