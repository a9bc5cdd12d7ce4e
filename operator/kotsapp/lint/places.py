"""From the places that readers of manifests give to files and lines."""

import re
from collections.abc import Iterable

from kotsapp.lint.findings import STANDARD_INPUT, Location
from kotsapp.manifests.errors import Place
from kotsapp.release.files import SourceFile

# Items of a list have the place of their list in front.
_NESTED = re.compile(r"(?:, )?document (\d+)(?:, line (\d+))?(.*)", re.DOTALL)
# A person's text is longer than a line seldom; the bound is for the search of a value in it.
_MAX_NEEDLE = 500


class Places:
    """Knows the files of one release by their origins; ``unnamed`` is the origin of standard input."""

    def __init__(self, files: Iterable[SourceFile], unnamed: str) -> None:
        self._origins = sorted({file.origin for file in files}, key=len, reverse=True)
        self._unnamed = unnamed

    def locate(self, place: Place) -> Location:
        """Where it is; a place of another origin is ``inside`` nothing that was given."""
        origin = next((o for o in self._origins if place.origin == o or place.origin.startswith(f"{o}, ")), None)
        if origin is None:
            return Location("", place.origin, place.line)
        rest, line = place.origin[len(origin) :].removeprefix(", "), place.line
        nested = _NESTED.search(rest)
        if nested:
            rest, line = rest[: nested.start()], line or int(nested[2] or 0)
        return Location(STANDARD_INPUT if origin == self._unnamed else origin, rest, line)


def line_of(text: str, needle: str, first: int) -> int:
    """The line of ``needle`` in a text whose first line is ``first``; that one where it isn't there as written."""
    at = text.find(needle[:_MAX_NEEDLE])
    return first if at < 0 else max(first, 1) + text.count("\n", 0, at)
