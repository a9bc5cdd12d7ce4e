"""Arguments of ``kotsapp pull``."""

import argparse
from pathlib import Path

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.examples import with_examples
from kotsapp.cli.formats import add_output_option

_TEXT = """
Fetch the vendor's release of the license's channel, from the endpoint that the license is signed for, and
write its archive, and an Installation document that says which it is; or a chart of a registry that the
license opens, and a HelmChart document that asks for it. kotsapp lint and render take the folder. Exit code 1
if it can't be fetched.
"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("pull", help=COMMANDS["pull"], description=_TEXT, **with_examples("pull"))
    add = parser.add_argument
    add("url", nargs="?", metavar="URL", help="oci://...: a chart or artifact, in place of the channel's release")
    add("--license", required=True, metavar="FILE", help="the license, which names the channel and opens it")
    add("--version", metavar="LABEL", help="this version; of a URL also a range, a tag or a digest (default: newest)")
    add("--to", type=Path, default=Path(), metavar="DIR", help="the folder that is written to (default: this one)")
    add("--trusted-keys", metavar="DIR", help="further license keys, <key id>.pem each")
    add("--registries", type=Path, metavar="FILE", help="where hosts really are, as for kotsapp run")
    add("--deny-private-networks", action="store_true", help="ask nobody at a private address")
    add_output_option(parser)
    parser.set_defaults(action="pull.run")
