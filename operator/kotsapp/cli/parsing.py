"""A parser that says what is wrong in one line, as kubectl does, and where to read on."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from kotsapp.cli.errors import EXIT_USAGE
from kotsapp.text import printable


class Parser(argparse.ArgumentParser):
    """argparse's, whose commands are of this class, too.

    argparse prints all options of a command before the error, a dozen lines for some, and lays an option that a command
    does not have to the program's charge, with the program's usage.
    """

    def parse_args(  # type: ignore[override]  # its overloads are for a namespace of one's own, which nobody has here
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        words = list(sys.argv[1:] if args is None else args)
        parsed, unknown = self.parse_known_args(words, namespace)
        if unknown:
            command = self._command(words)
            command.error(command._unknown(unknown[0]))
        return parsed

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {printable(message)}; see '{self.prog} --help'\n")

    def commands(self) -> "dict[str, Parser]":
        """Those below this one, by name."""
        return next((dict(action.choices) for action in self._actions if isinstance(action.choices, dict)), {})

    def _command(self, words: Sequence[str]) -> "Parser":
        """Which of the commands the words are for."""
        for place, word in enumerate(words):
            if below := self.commands().get(word):
                return below._command(words[place + 1 :])
        return self

    def _unknown(self, word: str) -> str:
        """What to say of a word that is neither an option nor one more argument."""
        if not word.startswith("-") or word == "-":
            return f"{word[:40]!r} is one argument too many"
        from difflib import get_close_matches  # only who mistypes waits for it

        option = word.partition("=")[0]
        close = get_close_matches(option, sorted(self._option_string_actions), 1, 0.6) if option[:2] == "--" else []
        return f"there is no option {option[:40]}" + (f" (did you mean {close[0]}?)" if close else "")
