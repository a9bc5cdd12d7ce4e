"""Regular expressions that are compiled when they are first used.

A command knows a hundred and uses a third of them; compiling the others was a twentieth of its start.
"""

import re
from typing import Any, AnyStr, cast


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, which is called when something is first asked of the pattern. Raises re.error then."""
    return cast(re.Pattern[AnyStr], LazyPattern(text, flags))


class LazyPattern:
    """Stands for a compiled pattern; what was asked of it once costs no more than with that one."""

    _all: "list[LazyPattern]" = []  # noqa: RUF012 - as many as modules have constants

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text = text
        self._flags = flags
        self._all.append(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = re.compile(self._text, self._flags) if name == "_compiled" else getattr(self._compiled, name)
        setattr(self, name, found)
        return found


def compile_all() -> None:
    """For a process that others are forked from: each of them would compile what it uses."""
    for one in LazyPattern._all:
        _ = one._compiled
