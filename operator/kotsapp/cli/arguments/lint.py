"""Arguments of ``kotsapp lint``."""

import argparse

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.examples import with_examples
from kotsapp.cli.options import add_config_values

FORMATS = ("table", "json", "sarif", "junit", "github")
# As kotsapp.lint.findings has them, which need not be loaded for help.
LEVELS = ("error", "warning", "note")
_TEXT = """
Check a release without a license: every document, template call, chart and image, with file and line; all
that is found at once. Exit code 0 if nothing stands in the way, 1 with findings of the level error (or a
lower one, by --fail-on), 2 for bad usage. What only a license or the answers to the Config can tell is said as a
note.
"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("lint", help=COMMANDS["lint"], description=_TEXT, **with_examples("lint"))
    parser.add_argument(
        "files", metavar="FILE|DIR|-", nargs="+", help="the release: manifests, archives, folders, standard input"
    )
    add_config_values(parser)
    parser.add_argument("--helm", metavar="PROGRAM", help="the helm that renders charts (default: the one on PATH)")
    parser.add_argument("--list", action="store_true", help="in the table: also every document, call, chart and image")
    text = "the least level that makes the exit code 1 (default: error)"
    parser.add_argument("--fail-on", choices=LEVELS, default="error", help=text)
    text = "a table (default), or what a CI system reads"
    parser.add_argument("-o", "--output", choices=FORMATS, default="table", help=text)
    parser.set_defaults(action="lint.run")
