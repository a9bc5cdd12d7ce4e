"""Arguments of ``kotsapp config``."""

import argparse

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.examples import with_examples
from kotsapp.cli.formats import FORMATS
from kotsapp.cli.options import add_config_values

_TEXT = """
List the items of a release's Config: kotsapp config FOLDER -o yaml > values.yaml prints a ConfigValues
document to fill in, for kotsapp render --config-values and for a Secret that spec.config.valuesFrom names.
"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("config", help=COMMANDS["config"], description=_TEXT, **with_examples("config"))
    parser.add_argument("files", metavar="FILE|DIR|-", nargs="+", help="the release: manifests, archives, folders")
    add_config_values(parser)
    text = "a table (default), json, or a ConfigValues document to fill in as yaml"
    parser.add_argument("-o", "--output", choices=FORMATS, default="table", help=text)
    parser.set_defaults(action="config.run")
