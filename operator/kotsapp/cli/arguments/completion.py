"""Arguments of ``kotsapp completion``."""

import argparse

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.examples import with_examples


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "Print the script by which a shell completes kotsapp."
    parser = commands.add_parser(
        "completion", help=COMMANDS["completion"], description=text, **with_examples("completion")
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(action="completion.run")
