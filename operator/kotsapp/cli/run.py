"""``kotsapp run``: the operator."""

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import secrets
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import kopf
from kubernetes.aio.config import ConfigException
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from kotsapp import __version__, handlers, logs
from kotsapp.api.refs import SpecError, account_name
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.lending import Lent
from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.examples import with_examples
from kotsapp.endpoints import serve
from kotsapp.kube.client import KubeClient, connect
from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.license import SAFE_VERSIONS, VERSIONS, Policy, TrustedKeys, TrustedKeysError
from kotsapp.login import Login
from kotsapp.names import API_VERSION, KIND, NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION
from kotsapp.reconcile.metrics import Metrics as ReconcileMetrics
from kotsapp.reconcile.reference_watch import ReferenceWatch
from kotsapp.reconcile.rendering import RENDER_JOBS
from kotsapp.reconcile.services import Services, Settings
from kotsapp.reconcile.workers import Workers
from kotsapp.registry.config import Registries, RegistriesError
from kotsapp.release.process import reading
from kotsapp.sources.fetcher import Fetcher
from kotsapp.sources.web import Web
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.prober import Prober
from kotsapp.watching import NOT_YET, AppWatch

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8080
CRD_POLL = 5.0
API_POLL = 1.0


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
    parser.add_argument("--log-format", choices=logs.FORMATS, default="text")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    logs.configure(args.log_format, args.log_level)
    _allow_many_files()
    try:
        registries = Registries.load(args.registries) if args.registries else Registries.empty()
        keys = TrustedKeys.load(args.trusted_keys)
    except (RegistriesError, TrustedKeysError) as error:
        raise CommandError(str(error)) from None
    try:
        asyncio.run(_operate(args, registries, keys))
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


def _allow_many_files() -> None:
    """Each watch is an open file, and the usual soft limit of 1024 is for programs that use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems take no limit for none
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _operate(args: argparse.Namespace, registries: Registries, keys: TrustedKeys) -> None:
    """Serve metrics and health, and work until told to end; what ends otherwise is begun anew, with nothing kept."""
    metrics = OperatorMetrics.register(CollectorRegistry())
    watched: list[AppWatch] = []
    async with contextlib.AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(
                serve(args.bind, args.port, metrics.registry, lambda: watched[-1].problem() if watched else NOT_YET)
            )
        except OSError as error:
            where = f"{args.bind}:{args.port}"
            reason = f"{(error.strerror or str(error)).lower()}; choose with --bind and --port"
            raise CommandError(f"metrics and health can't be served on {where}: {reason}", EXIT_PROBLEM) from None
        logger.info("serving metrics and health on port %d", port)
        while reason := await _work(args, registries, keys, metrics, watched):
            logger.warning("%s; beginning anew", reason)


@dataclass(frozen=True, slots=True)
class OperatorMetrics:
    """What is registered once, however often the work is begun."""

    registry: CollectorRegistry
    reconcile: ReconcileMetrics
    probes: Metrics
    apps: Gauge
    owned: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "OperatorMetrics":
        """Everything that /metrics shows."""
        ProcessCollector(registry=registry)
        return cls(
            registry,
            ReconcileMetrics(registry),
            Metrics(registry),
            Gauge("kotsapp_apps", "KotsApps that are kept true.", registry=registry),
            Gauge("kotsapp_owned_objects", "Applied objects that are watched.", registry=registry),
        )


async def _work(
    args: argparse.Namespace,
    registries: Registries,
    keys: TrustedKeys,
    metrics: OperatorMetrics,
    watched: list[AppWatch],
) -> str:
    """Keep KotsApps true until told to end; why it must be begun anew, empty when it must not.

    ``watched`` is given the watch that says whether KotsApps are seen.
    """
    workers = Workers(args.default_service_account or "")
    async with contextlib.AsyncExitStack() as stack:
        client, connection = await _connected()
        stack.push_async_callback(connection.close)
        cache = OwnedObjects((NAMESPACE_LABEL, NAME_LABEL), PRUNE_ANNOTATION, workers.wake)
        workers.watch_with(ReferenceWatch(client, workers.wake_users, workers.wake_namespace))
        prober = await stack.enter_async_context(
            Prober(registries, metrics=metrics.probes, allow_private=not args.deny_private_networks)
        )
        web = await stack.enter_async_context(Web(registries, allow_private=not args.deny_private_networks))
        reader = await stack.enter_async_context(reading(RENDER_JOBS, [str(args.helm)] if args.helm else []))
        metrics.apps.set_function(lambda: len(workers))
        metrics.owned.set_function(lambda: len(cache))
        settings = Settings(
            namespaces=frozenset(args.namespace),
            lent=Lent(args.lend),
            license_policy=Policy(args.license_verification),
            license_versions=SAFE_VERSIONS if args.refuse_v1beta1_licenses else VERSIONS,
            helm=args.helm,
        )
        services = Services(
            client, cache, reader, prober, Fetcher(web), keys, settings, metrics.reconcile, workers.follow
        )
        await _served(client)
        logger.info("kotsapp-operator %s on Kubernetes %s", __version__, client.server_version)
        watch = AppWatch(client, args.namespace, workers.versions)
        watched[:] = [watch]
        await kopf.operator(
            registry=handlers.register(services, workers, Login(connection, watch.middleware)),
            settings=handlers.settings(),
            identity=cast("Any", identity()),
            standalone=True,
            clusterwide=not args.namespace,
            namespaces=args.namespace,
            stop_flag=watch.over,
        )
        for number in (signal.SIGTERM, signal.SIGINT):  # Kopf's serve nobody now, but would be called
            asyncio.get_running_loop().remove_signal_handler(number)
        return watch.reason


def identity() -> str:
    """What tells this process from every other operator: its pod's name, else its host's, and a suffix of its own.

    Kopf would ask for the user's name, and the image's user has none: in a container only a number is sure.
    """
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}-{secrets.token_hex(4)}"


async def _connected() -> tuple[KubeClient, Connection]:
    """Wait for an API server that answers: it may just be starting, and refuse everybody for a moment."""
    while True:
        try:
            return await connect(f"kotsapp-operator/{__version__}")
        except ApiError as error:
            logger.warning("%s; trying again", error)
            await asyncio.sleep(API_POLL)


async def _served(client: KubeClient) -> None:
    """Wait for the resource's definition: Kopf would never notice that it came later."""
    while True:
        try:
            await client.resource_type(API_VERSION, KIND)
        except UnknownKindError:
            logger.warning("CustomResourceDefinition kotsapps.kotsapp.dev is not installed; waiting for it")
            await asyncio.sleep(CRD_POLL)
        except ApiError as error:
            logger.warning("%s; trying again", error)
            await asyncio.sleep(API_POLL)
        else:
            return
