"""``kotsapp run``: the operator."""

import argparse
import asyncio
import contextlib
import logging
import resource

from kubernetes.aio.config import ConfigException
from prometheus_client import CollectorRegistry

from kotsapp import logs
from kotsapp.apply.lending import Lent
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.endpoints import serve
from kotsapp.kube.access import in_pod
from kotsapp.kube.errors import ApiError
from kotsapp.license import SAFE_VERSIONS, VERSIONS, Policy, TrustedKeys, TrustedKeysError
from kotsapp.operating import Election, Operator, OperatorMetrics, Options
from kotsapp.reconcile.services import Settings
from kotsapp.registry.config import Registries, RegistriesError

logger = logging.getLogger(__name__)


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
