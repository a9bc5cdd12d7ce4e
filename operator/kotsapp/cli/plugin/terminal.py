"""Tables for a terminal: in colour, and as wide as it is. In a pipe they are plain, and each row is one line."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from kotsapp.cli.output import cell, table
from kotsapp.cli.plugin.tones import Tone, Toned, by_word

_BETWEEN = 3
# Between columns that have messages below them, as many as there is room for.
_GAPS = (3, 2, 1)
# Narrower, a message is a column of words; it then has lines of its own below its row.
_LEAST = 40
_INDENT = "  "


def is_terminal() -> bool:
    return sys.stdout.isatty()


def in_colour() -> bool:
    """On a terminal that has colours, unless https://no-color.org is asked for."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, tone: Tone | None = None) -> str:
    """A text in the colour of its tone, by default of what it says."""
    tone = tone or by_word(text.strip())
    return f"\x1b[{tone}m{text}\x1b[0m" if tone and text.strip() and in_colour() else text


def fitted(heads: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None) -> str:
    """A table no wider than ``width``, by default the terminal; without one as wide as its cells.

    The last column, a message, is wrapped; where that leaves too little of it, it goes below its row, and where that
    isn't enough, each row becomes a block of lines. On a terminal columns that are empty are left out.
    """
    cells = [[_toned(one, first=number == 0) for number, one in enumerate(row)] for row in rows]
    if width is None and is_terminal():
        width = shutil.get_terminal_size().columns
    if width is None:
        return table(heads, cells)
    heads, cells = _without_empty(heads, cells)
    widths = [max(map(cell_len, (head, *map(str, column)))) for head, *column in zip(heads, *cells, strict=True)]
    taken = sum(widths[:-1]) + _BETWEEN * (len(widths) - 1)
    if taken + widths[-1] <= width:
        return "\n".join([_head(heads, widths), *(_line(row, widths) for row in cells)])
    if width - taken >= _LEAST:
        return "\n".join([_head(heads, widths), *_wrapped(cells, widths, width - taken)])
    for gap in _GAPS:
        if sum(widths[:-1]) + gap * (len(widths) - 2) <= width and len(heads) > 1:
            widened = [one + gap - _BETWEEN for one in widths[:-1]]
            return "\n".join([_head(heads[:-1], widened), *_with_messages_below(cells, widened, width)])
    return "\n".join(line for row in cells for line in _block(heads, row, width))


def wrapped(head: str, text: str, width: int) -> str:
    """A line of ``head``, in ``width`` columns, and a text, which is wrapped beside it on a terminal."""
    room = shutil.get_terminal_size().columns - width - 1 if is_terminal() else 0
    lines = _lines(text, room) if room >= _LEAST else [text]
    return f"{head:<{width}} " + f"\n{' ' * (width + 1)}".join(lines)


def _toned(value: object, *, first: bool) -> Toned:
    """The cell as one safe line; the first of a row is a name, whatever it is called."""
    text = cell(value)
    return Toned(text, value.tone if isinstance(value, Toned) else None if first else by_word(text))


def _without_empty(heads: Sequence[str], rows: list[list[Toned]]) -> tuple[list[str], list[list[Toned]]]:
    kept = [n for n in range(len(heads)) if n == 0 or not rows or any(row[n].text for row in rows)]
    return [heads[n] for n in kept], [[row[n] for n in kept] for row in rows]


def _head(heads: Sequence[str], widths: Sequence[int]) -> str:
    line = _line([Toned(head, None) for head in heads], widths)
    return f"\x1b[1m{line}\x1b[0m" if in_colour() else line


def _line(row: Sequence[Toned], widths: Sequence[int]) -> str:
    last = max((number for number, one in enumerate(row) if one.text), default=0)
    parts = []
    for number, (one, width) in enumerate(zip(row[: last + 1], widths, strict=False)):
        gap = "" if number == last else " " * (width - cell_len(one.text) + _BETWEEN)
        parts.append((painted(one.text, one.tone) if one.tone else one.text) + gap)
    return "".join(parts)


def _wrapped(rows: Sequence[Sequence[Toned]], widths: Sequence[int], room: int) -> Iterator[str]:
    for row in rows:
        first, *more = _lines(row[-1].text, room)
        yield _line([*row[:-1], Toned(first, row[-1].tone)], widths)
        for text in more:
            yield " " * (sum(widths[:-1]) + _BETWEEN * (len(widths) - 1)) + text


def _with_messages_below(rows: Sequence[Sequence[Toned]], widths: Sequence[int], width: int) -> Iterator[str]:
    for row in rows:
        yield _line(row[:-1], widths)
        if row[-1].text:
            yield from (_INDENT + text for text in _lines(row[-1].text, width - len(_INDENT)))


def _block(heads: Sequence[str], row: Sequence[Toned], width: int) -> Iterator[str]:
    """The first cell, and below it the others by their heads."""
    yield from _lines(row[0].text, width)
    longest = max(map(len, heads))
    for head, one in zip(heads[1:], row[1:], strict=True):
        if one.text:
            start = f"{_INDENT}{head.lower():<{longest}}  "
            first, *more = _lines(one.text, max(width - len(start), 1))
            yield start + (painted(first, one.tone) if one.tone else first)
            yield from (" " * len(start) + text for text in more)


def _lines(text: str, width: int) -> list[str]:
    """At least one; a word that is longer than a line begins one of its own, and is broken."""
    pieces = [word[at : at + width] for word in text.split() for at in range(0, len(word), width)]
    return textwrap.wrap(" ".join(pieces), width, break_on_hyphens=False) or [""]
