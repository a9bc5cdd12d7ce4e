"""Arguments of ``kotsapp run``."""

import argparse
from pathlib import Path

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.examples import with_examples

DEFAULT_PORT = 8080
DEFAULT_LEASE = "kotsapp-operator"
# The words of `license.Policy`, `apply.lending.Lent` and `logs.FORMATS`, which a test holds them to.
POLICIES = ("Enforce", "Warn")
LENT = ("workloads", "edit")
LOG_FORMATS = ("text", "json")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "run", help=COMMANDS["run"], description="Run the operator, until SIGTERM.", **with_examples("run")
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "--namespace", "-n", action="append", default=[], metavar="NS", help="watch this one alone; repeatable"
    )
    scope.add_argument("--all-namespaces", "-A", action="store_true", help="the whole cluster (default)")
    parser.add_argument(
        "--registries", type=Path, metavar="FILE", help="where registries really are, and how to trust them"
    )
    parser.add_argument(
        "--trusted-keys", type=Path, metavar="DIR", help="further license keys, PEM files named by key id"
    )
    parser.add_argument(
        "--license-verification",
        choices=POLICIES,
        default="Enforce",
        help="what a license signature that can't be trusted means (default: Enforce)",
    )
    parser.add_argument(
        "--refuse-v1beta1-licenses",
        action="store_true",
        help="refuse licenses of kots.io/v1beta1, which are signed over MD5 digests",
    )
    parser.add_argument(
        "--lend",
        choices=LENT,
        default="workloads",
        help="what is applied for apps without an account: workloads and what they mount, or all that the ClusterRole"
        " edit lets write (default: workloads)",
    )
    parser.add_argument(
        "--default-service-account",
        type=_account,
        metavar="NAME",
        help="as whom apps that name no account are applied, of their own namespace (default: nobody)",
    )
    parser.add_argument(
        "--deny-private-networks", action="store_true", help="never probe a registry at a private address"
    )
    parser.add_argument("--helm", type=Path, metavar="PATH", help="the helm binary (default: found on PATH)")
    parser.add_argument("--bind", default="0.0.0.0", metavar="ADDRESS", help="where to serve metrics and health")  # noqa: S104
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"of metrics and health (default: {DEFAULT_PORT})"
    )
    parser.add_argument(
        "--leader-elect",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="work only while holding a Lease, so that of several replicas one does (default: in a pod)",
    )
    parser.add_argument(
        "--leader-election-namespace", default="", metavar="NS", help="of the Lease (default: the operator's own)"
    )
    parser.add_argument(
        "--leader-election-id", default=DEFAULT_LEASE, metavar="NAME", help=f"of the Lease (default: {DEFAULT_LEASE})"
    )
    parser.add_argument("--log-format", choices=LOG_FORMATS, default="text")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.set_defaults(action="run.run")


def _account(name: str) -> str:
    from kotsapp.api.refs import SpecError, account_name

    try:
        return account_name(name)
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
