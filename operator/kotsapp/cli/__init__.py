"""Run the operator, or use it without a cluster: check a release, find private images, write what would be applied."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType

from kotsapp import __version__
from kotsapp.cli.commands import COMMANDS, PLUGIN_VERBS
from kotsapp.cli.ending import carry_out
from kotsapp.cli.errors import EXIT_USAGE
from kotsapp.cli.loading import no_collector
from kotsapp.cli.parsing import Parser
from kotsapp.cli.spelling import correction
from kotsapp.text import printable

# In a container. The kernel gives this one no signal that it has no handler for, so a pod that is deleted while its
# libraries load would be waited for until it is killed. `run` has handlers of its own once it is up.
FIRST_PROCESS = 1


def parser(commands: Sequence[str] = tuple(COMMANDS)) -> Parser:
    """The command line, with these commands: each one's arguments are a module. With none all are named, for help."""
    top = Parser(prog="kotsapp", description=__doc__)
    top.add_argument("--version", action="version", version=f"kotsapp {__version__}")
    added = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        if name in commands:
            import_module(f"kotsapp.cli.arguments.{name}").register(added)
        elif not commands:
            added.add_parser(name, help=text)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 (found a problem), 2 (bad usage) or 130 (Ctrl-C)."""
    if os.getpid() == FIRST_PROCESS:
        signal.signal(signal.SIGTERM, _end)
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        parser(()).print_help(sys.stderr)
        return EXIT_USAGE
    if words[0] == "help":
        words = [word for word in words[1:] if not word.startswith("-")] + ["--help"]
    if words[0] == "version":
        words = ["--version"]
    if not words[0].startswith("-") and words[0] not in COMMANDS:
        return _unknown(words[0])
    args = parser([word for word in words[:1] if word in COMMANDS]).parse_args(words)
    return carry_out("kotsapp", lambda: act(args))


def act(args: argparse.Namespace) -> int:
    """Do what the arguments say. One command's libraries are loaded to run it, and none to list them.

    Raises CommandError.
    """
    module, _, function = args.action.partition(".")
    with no_collector():
        command = getattr(import_module(f"kotsapp.cli.{module}"), function)
    return int(command(args))


def _unknown(word: str) -> int:
    of_plugin = {verb: f"that asks a cluster: kubectl kotsapp {verb} NAME" for verb in PLUGIN_VERBS}
    print(f"kotsapp: {printable(correction(word, COMMANDS, of_plugin))}", file=sys.stderr)
    return EXIT_USAGE


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
