"""The command line: the operator itself, and its core without a cluster."""

import argparse
import sys

from kotsapp import __version__
from kotsapp.cli.errors import EXIT_PROBLEM, CommandError


def parser() -> argparse.ArgumentParser:
    """The whole command line; each command's module adds its own part."""
    top = argparse.ArgumentParser(prog="kotsapp", description=__doc__)
    top.add_argument("--version", action="version", version=f"kotsapp {__version__}")
    top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 (found a problem) or 2 (bad usage)."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except CommandError as error:
        print(f"kotsapp: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return EXIT_PROBLEM
