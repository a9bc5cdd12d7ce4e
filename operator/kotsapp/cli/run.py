"""``kotsapp run``: the operator."""

import argparse
import asyncio
import contextlib
import logging
import resource
from pathlib import Path

from kubernetes.aio.config import ConfigException
from prometheus_client import CollectorRegistry

from kotsapp import logs
from kotsapp.api.refs import SpecError, account_name
from kotsapp.apply.lending import Lent
from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.examples import with_examples
from kotsapp.endpoints import serve
from kotsapp.kube.access import in_pod
from kotsapp.kube.errors import ApiError
from kotsapp.license import SAFE_VERSIONS, VERSIONS, Policy, TrustedKeys, TrustedKeysError
from kotsapp.operating import Election, Operator, OperatorMetrics, Options
from kotsapp.reconcile.services import Settings
from kotsapp.registry.config import Registries, RegistriesError

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8080
DEFAULT_LEASE = "kotsapp-operator"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "run", help=COMMANDS["run"], description="Keep KotsApps true until SIGTERM.", **with_examples("run")
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--namespace", "-n", action="append", default=[], metavar="NS", help="only here; repeatable")
    scope.add_argument("--all-namespaces", "-A", action="store_true", help="the whole cluster (default)")
    parser.add_argument(
        "--registries", type=Path, metavar="FILE", help="where registries really are, and how to trust them"
    )
    parser.add_argument(
        "--trusted-keys", type=Path, metavar="DIR", help="further license keys, PEM files named by key id"
    )
    parser.add_argument(
        "--license-verification",
        choices=[str(p) for p in Policy],
        default=str(Policy.ENFORCE),
        help="what a license signature that can't be trusted means (default: Enforce)",
    )
    parser.add_argument(
        "--refuse-v1beta1-licenses",
        action="store_true",
        help="take no license of kots.io/v1beta1, which is signed over MD5 digests",
    )
    parser.add_argument(
        "--lend",
        choices=[str(lent) for lent in Lent],
        default=str(Lent.WORKLOADS),
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
    parser.add_argument("--log-format", choices=logs.FORMATS, default="text")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    logs.configure(args.log_format, args.log_level)
    _forbid_core_dumps()
    _allow_many_files()
    try:
        registries = Registries.load(args.registries) if args.registries else Registries.empty()
        keys = TrustedKeys.load(args.trusted_keys)
    except (RegistriesError, TrustedKeysError) as error:
        raise CommandError(str(error)) from None
    try:
        asyncio.run(_serve(args, options(args, registries, keys)))
    except ConfigException as error:
        raise CommandError(f"no cluster: {error}") from None
    except ApiError as error:
        raise CommandError(f"the cluster can't be reached: {error}", EXIT_PROBLEM) from None
    return EXIT_OK


def _account(name: str) -> str:
    try:
        return account_name(name)
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _forbid_core_dumps() -> None:
    """Licenses and Secrets are in its memory, and in that of what it starts, which inherits this."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_many_files() -> None:
    """Each watch is an open file, and the usual soft limit of 1024 is for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems take no limit for none
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def options(args: argparse.Namespace, registries: Registries, keys: TrustedKeys) -> Options:
    """What the flags choose. A pod has replicas beside it, or may have them during a rolling update."""
    elect = in_pod() if args.leader_elect is None else args.leader_elect
    settings = Settings(
        namespaces=frozenset(args.namespace),
        lent=Lent(args.lend),
        license_policy=Policy(args.license_verification),
        license_versions=SAFE_VERSIONS if args.refuse_v1beta1_licenses else VERSIONS,
        helm=args.helm,
    )
    return Options(
        registries=registries,
        keys=keys,
        settings=settings,
        default_account=args.default_service_account or "",
        allow_private=not args.deny_private_networks,
        election=Election(args.leader_election_id, args.leader_election_namespace) if elect else None,
    )


async def _serve(args: argparse.Namespace, options: Options) -> None:
    """Work, and serve metrics and health, until told to end."""
    metrics = OperatorMetrics.register(CollectorRegistry())
    operator = Operator(options, metrics)
    async with contextlib.AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(
                serve(args.bind, args.port, metrics.registry, lambda: operator.readiness())
            )
        except OSError as error:
            where = f"{args.bind}:{args.port}"
            reason = f"{(error.strerror or str(error)).lower()}; choose with --bind and --port"
            raise CommandError(f"metrics and health can't be served on {where}: {reason}", EXIT_PROBLEM) from None
        logger.info("serving metrics and health on port %d", port)
        await operator.run()
