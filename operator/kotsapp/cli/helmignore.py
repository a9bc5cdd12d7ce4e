"""Which files of a chart's folder are no part of the chart: ``.helmignore``, as helm reads it (its ``pkg/ignore``).

It looks like git's, and differs: a pattern with ``!`` leaves out all that it does not match, and ``**`` is an error.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import NamedTuple

from kotsapp.regexes import regex

FILE = ".helmignore"
# Behind what the file says, whatever that is.
_ALWAYS = "templates/.?*"

# The pieces of a pattern of Go's ``filepath.Match``. In brackets stand characters and ranges of them.
_ITEM = r"(?:\\.|[^\\\]-])"
_PIECE = regex(
    rf"(?P<any>\*)|(?P<one>\?)|\[(?P<but>\^?)(?P<items>(?:{_ITEM}(?:-{_ITEM})?)++)\]|\\(?P<escaped>.)|(?P<plain>[^\\\[])",
    re.DOTALL,
)
_RANGE = regex(rf"({_ITEM})(?:(-)({_ITEM}))?", re.DOTALL)


class _Rule(NamedTuple):
    matches: Callable[[PurePosixPath], bool]
    inverts: bool
    folders_only: bool


class IgnoreError(ValueError):
    """helm refuses the file; the message names the pattern."""


class Ignored:
    """What a ``.helmignore`` of this text leaves out. Raises IgnoreError."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in [*text.removeprefix("\ufeff").splitlines(), _ALWAYS]]
        self._rules = [_rule(line) for line in lines if line and not line.startswith("#")]

    def __contains__(self, file: PurePosixPath) -> bool:
        """Whether a file, by its path in the chart, is left out by itself or with a folder."""
        folders = list(file.parents)[-2::-1]
        return any(self._leaves_out(folder, is_folder=True) for folder in folders) or self._leaves_out(
            file, is_folder=False
        )

    def _leaves_out(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        for rule in self._rules:
            applies = is_folder or not rule.folders_only
            if rule.inverts != (applies and rule.matches(path)):
                return True
        return False


def _rule(line: str) -> _Rule:
    if "**" in line:
        raise IgnoreError(f"{line}: helm knows no **")
    text = line.removeprefix("!")
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    pattern = _pattern(text.removeprefix("/"), line)
    if "/" in text:
        return _Rule(lambda path: pattern.fullmatch(str(path)) is not None, line.startswith("!"), folders_only)
    return _Rule(lambda path: pattern.fullmatch(path.name) is not None, line.startswith("!"), folders_only)


def _pattern(text: str, line: str) -> re.Pattern[str]:
    """Go's pattern as Python's. Raises IgnoreError."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            raise IgnoreError(f"{line}: it is no pattern")
        position = piece.end()
        match piece.lastgroup:
            case "any":
                parts.append("[^/]*")
            case "one":
                parts.append("[^/]")
            case "items":
                ranges = (f"{_one(low)}{dash}{_one(high)}" for low, dash, high in _RANGE.findall(piece["items"]))
                parts.append(f"[{piece['but']}{''.join(ranges)}]")
            case _:
                parts.append(re.escape(piece["escaped"] or piece["plain"]))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:  # a range that ends before it begins, which matches nothing
        return re.compile(r"(?!)")


def _one(item: str) -> str:
    return re.escape(item.removeprefix("\\") or "\\") if item else ""
