"""The command line: the operator itself, and its core without a cluster."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from kotsapp import __version__
from kotsapp.cli.ending import carry_out

COMMANDS = ("run", "probe", "license", "config", "render")


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line of these commands; each one's module adds its own part."""
    top = argparse.ArgumentParser(prog="kotsapp", description=__doc__)
    top.add_argument("--version", action="version", version=f"kotsapp {__version__}")
    added = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in commands:
        import_module(f"kotsapp.cli.{name}").register(added)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 (found a problem), 2 (bad usage) or 130 (Ctrl-C)."""
    words = list(sys.argv[1:] if argv is None else argv)
    # One command's libraries are enough to run it: the others' would double its start-up time.
    wanted = words[:1] if words[:1] and words[0] in COMMANDS else COMMANDS
    args = parser(wanted).parse_args(words)
    return carry_out("kotsapp", lambda: int(args.run(args)))
