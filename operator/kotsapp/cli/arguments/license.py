"""Arguments of ``kotsapp license``."""

import argparse
from pathlib import Path

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.durations import period
from kotsapp.cli.examples import with_examples
from kotsapp.cli.formats import add_output_option

_VERIFY = """
Verify licenses: exit code 0 if each may be used, 1 with the reason if not (forged, damaged, expired, or about
to expire within the time that --within gives).
"""
_SIGN = """
Sign a License document with the keys in DIR and print it; a license of a version is signed as that version.
"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    license_parser = commands.add_parser("license", help=COMMANDS["license"], **with_examples("license"))
    actions = license_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    verify_parser = actions.add_parser(
        "verify",
        help="is it genuine, for which application, until when",
        description=_VERIFY,
        **with_examples("license verify"),
    )
    verify_parser.add_argument("files", metavar="FILE|-", nargs="+", help="License documents")
    verify_parser.add_argument(
        "--trusted-keys", metavar="DIR", type=Path, help="folder with further public keys, <key id>.pem each"
    )
    verify_parser.add_argument(
        "--within", metavar="DURATION", type=period, help="fail, too, if it expires within that time, such as 30d"
    )
    add_output_option(verify_parser)
    verify_parser.set_defaults(action="license.verify")

    sign_parser = actions.add_parser(
        "sign",
        help="sign a license with your own keys, for development and tests",
        description=_SIGN,
        **with_examples("license sign"),
    )
    sign_parser.add_argument("file", metavar="FILE|-", help="a License document without signature")
    sign_parser.add_argument(
        "--keys",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder of your keys, made with fresh ones if it isn't there; give it to --trusted-keys as it is",
    )
    sign_parser.set_defaults(action="license.sign_file")
