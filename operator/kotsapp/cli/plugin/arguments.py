"""What people type after ``kubectl kotsapp``: a verb, a KotsApp, and kubectl's own options before or after them."""

import argparse
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from kotsapp import __version__
from kotsapp.cli.durations import waiting
from kotsapp.cli.errors import EXIT_USAGE
from kotsapp.cli.formats import FORMATS, add_output_option
from kotsapp.cli.parsing import Parser
from kotsapp.cli.plugin.words import KINDS, in_order
from kotsapp.text import printable

_DEFAULTS = {"namespace": None, "all_namespaces": False, "context": None, "kubeconfig": None, "user": None}
WAIT_SECONDS = 600.0

# Each verb with the function that carries it out, by its place: help and completion need not load it.
_VERBS = (
    ("get", "get.run", "all KotsApps of a namespace, or of all with -A", "-A"),
    ("status", "status.run", "how the app is, and what to do about it; exit code 1 unless it is Ready", "shop --watch"),
    (
        "images",
        "images.run",
        "every image: what was found, and from where pods pull it; exit code 1 if one can't be",
        "shop",
    ),
    ("why", "why.run", "all that is known about one image, and what to do about it", "shop quay.io/my-org/api:v1"),
    ("events", "events.run", "what happened to the app, oldest first", "shop"),
    ("tree", "tree.run", "the app's objects, and their pods", "shop"),
    (
        "diff",
        "diff.run",
        "what the next roll-out would change, by dry runs; exit code 1 if anything, 2 if it can't be known",
        "shop",
    ),
    ("history", "history.run", "the renderings of the release that are kept", "shop"),
    (
        "report",
        "report.run",
        "one page of HTML about the app, to look at or to send to the vendor",
        "shop --to shop.html",
    ),
    ("retry", "ask.retry", "ask every registry again now", "shop --wait"),
    (
        "rerender",
        "ask.rerender",
        "render the release anew now: what charts draw and don't look up changes",
        "shop --wait",
    ),
    ("suspend", "suspend.suspend", "leave the app as it is, until it is resumed", "shop"),
    ("resume", "suspend.resume", "go on after suspend", "shop"),
)
VERBS = tuple(verb[0] for verb in _VERBS)
_PRINTING = frozenset({"get", "status", "images", "why", "events", "tree", "history"})
_WAITING = frozenset({"retry", "rerender"})


def parse(words: Sequence[str]) -> Namespace:
    """The arguments, ``action`` among them: what is to be done with them and a Target."""
    top = parser()
    if not words:
        top.print_help(sys.stderr)
        raise SystemExit(EXIT_USAGE)
    try:
        words = in_order(words, commands_of(top))
    except ValueError as error:
        raise SystemExit(_said(str(error))) from None
    args = top.parse_args(words)
    module, _, function = args.action.partition(".")
    args.action = getattr(import_module(f"kotsapp.cli.plugin.{module}"), function)
    for name, value in _DEFAULTS.items():
        if not hasattr(args, name):
            setattr(args, name, value)
    if args.namespace and args.all_namespaces:
        parser().error("-n is one namespace and -A all of them: give one of the two")
    return args


def _said(error: str) -> int:
    print(f"kubectl kotsapp: {printable(error)}", file=sys.stderr)
    return EXIT_USAGE


def commands_of(top: ArgumentParser) -> dict[str, ArgumentParser]:
    """The parser of each verb."""
    return dict(next(action.choices for action in top._actions if isinstance(action.choices, dict)))


def parser() -> Parser:
    common = _common()
    top = Parser(
        prog="kubectl kotsapp",
        description="Look at KotsApps in a cluster: how they are, why, and what to do. Retry or suspend one.",
        epilog="Options of kubectl come before or after the command; NAME may be kotsapp/NAME, and is left out where "
        "there is only one KotsApp.\n\nExamples:\n"
        + "".join(f"  {_example(verb[0], verb[3])}\n" for verb in _VERBS[:4]),
        formatter_class=RawDescriptionHelpFormatter,
        parents=[common],
    )
    top.add_argument("--version", action="version", version=f"kubectl-kotsapp {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, action, text, example in _VERBS:
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"Example:\n  {_example(name, example)}\n",
            formatter_class=RawDescriptionHelpFormatter,
            parents=[common],
        )
        command.add_argument("name", metavar="NAME", nargs="?", type=app_name, help="or kotsapp/NAME")
        if name == "why":
            command.add_argument(
                "image", metavar="IMAGE", help="as written or as pulled, or a part that only this one has"
            )
        if name == "diff":
            text = (
                "the license keys that the operator trusts beside the vendor's, where sources are outside the cluster"
            )
            command.add_argument("--trusted-keys", type=Path, metavar="DIR", help=text)
            text = "the helm that renders charts, where they are rendered anew (default: the one on PATH)"
            command.add_argument("--helm", type=Path, metavar="PROGRAM", help=text)
        if name == "report":
            text = "write it there instead of printing it"
            command.add_argument("--to", type=Path, metavar="FILE", help=text)
        if name == "status":
            command.add_argument("-w", "--watch", action="store_true", help="print it again whenever it changes")
        if name in _WAITING:
            command.add_argument(
                "--wait", action="store_true", help="wait until it is done; exit code 1 unless Ready then"
            )
            text = "how long to wait, such as 90s (default: 10m)"
            command.add_argument("--timeout", type=waiting, default=WAIT_SECONDS, metavar="DURATION", help=text)
        if name == "get":
            text = "as kubectl has it: wide has the license, too, and name prints names alone (default: table)"
            command.add_argument("-o", "--output", choices=(*FORMATS, "wide", "name"), default="table", help=text)
        elif name in _PRINTING:
            add_output_option(command)
        command.set_defaults(action=action)
    return top


def app_name(text: str) -> str:
    """The name in ``NAME`` or ``kotsapp/NAME``."""
    prefix, slash, name = text.rpartition("/")
    if slash and (prefix.lower() not in KINDS or not name):
        raise argparse.ArgumentTypeError(f"expected NAME or kotsapp/NAME, found {text!r}")
    return name


def _common() -> Parser:
    """kubectl's own options; nothing is set where one is not given, so that it counts on either side of the verb."""
    common = Parser(add_help=False, argument_default=SUPPRESS)
    group = common.add_argument_group("options of kubectl")
    group.add_argument("-n", "--namespace", help="default: the current context's")
    group.add_argument("-A", "--all-namespaces", action="store_true", help="look in every namespace")
    group.add_argument("--context", help="a context of the kubeconfig")
    group.add_argument("--kubeconfig", metavar="FILE", help="default: as kubectl finds it")
    group.add_argument("--as", dest="user", metavar="USER", help="act as this user")
    return common


def _example(verb: str, rest: str) -> str:
    return f"kubectl kotsapp {verb} {rest}"
