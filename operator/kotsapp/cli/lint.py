"""``kotsapp lint``: a release checked before there is a license."""

import argparse

from kotsapp.cli.ahead import engine_for
from kotsapp.cli.files import source_files
from kotsapp.cli.loading import no_collector


def run(args: argparse.Namespace) -> int:
    """Check a release, and print what was found; exit code 1 with findings of a level that fails."""
    files = source_files(args.files)
    with no_collector(), engine_for(files, args.helm) as engine:
        # What takes longest to load is loaded while helm starts.
        from kotsapp.cli.linting import lint

        return lint(args, files, engine)
