"""Arguments of ``kotsapp probe``."""

import argparse
from pathlib import Path

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.durations import DEFAULT_TIMEOUT, seconds
from kotsapp.cli.examples import with_examples
from kotsapp.cli.formats import add_output_option
from kotsapp.cli.options import add_config_values

_TEXT = """
Probe images: exit code 0 if each one's route is known (and the license, if given, opens it), 1 if not.
"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("probe", help=COMMANDS["probe"], description=_TEXT, **with_examples("probe"))
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="an image reference")
    parser.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE|DIR|-", help="manifests; repeatable"
    )
    parser.add_argument("--license", metavar="FILE|-", help="also ask the proxy, with this license")
    parser.add_argument("--trusted-keys", metavar="DIR", help="further license keys, <key id>.pem each")
    add_config_values(parser)
    parser.add_argument("--helm", metavar="PROGRAM", help="the helm that renders charts (default: the one on PATH)")
    parser.add_argument("--registries", type=Path, metavar="FILE", help="where registries really are")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="never probed; repeatable")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=DEFAULT_TIMEOUT,
        metavar="DURATION",
        help="for asking about one image, such as 10s or 2m (default: 10s)",
    )
    parser.add_argument("--deny-private-networks", action="store_true", help="ask no registry at a private address")
    add_output_option(parser)
    parser.set_defaults(action="probe.run")
