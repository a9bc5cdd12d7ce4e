"""What is wrong with a manifest, and where."""

from typing import NamedTuple

# Enough to recognise a value by, short enough for a condition's message.
MAX_QUOTED = 80


class Place(NamedTuple):
    """Where something stands: ``origin`` names the source and its key or file; ``document`` and ``line`` count from 1.

    A ``document`` or ``line`` of 0 means the whole source, or the whole document.
    """

    origin: str
    document: int = 0
    line: int = 0

    def at_line(self, line: int) -> "Place":
        return Place(self.origin, self.document, line)

    def __str__(self) -> str:
        text = self.origin
        if self.document:
            text += f", document {self.document}"
        if self.line:
            text += f", line {self.line}"
        return text


class ManifestError(ValueError):
    """A manifest that can't be used. The message names the place, what was found and what to do."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


def quote(text: str) -> str:
    """A value for a message: one line, shortened, with everything unprintable escaped."""
    shown = text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."
    return repr(shown)
