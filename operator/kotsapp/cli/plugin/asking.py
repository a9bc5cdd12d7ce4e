"""Asks a cluster, as the person's kubeconfig says."""

import asyncio
from argparse import Namespace

from kubernetes.aio.config import ConfigException

from kotsapp import __version__
from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.cli.plugin.target import Target
from kotsapp.kube.client import connect
from kotsapp.kube.errors import ApiError


def ask(args: Namespace) -> int:
    """Do what the arguments say; the exit code. Raises CommandError."""
    try:
        return asyncio.run(_connected(args))
    except ConfigException as error:
        raise CommandError(f"no cluster: {error}", EXIT_PROBLEM) from None
    except ApiError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None


async def _connected(args: Namespace) -> int:
    client, connection = await connect(
        f"kubectl-kotsapp/{__version__}", context=args.context, kubeconfig=args.kubeconfig
    )
    try:
        target = Target(client.impersonating(args.user) if args.user else client, args, connection.namespace)
        code: int = await args.action(args, target)
        return code
    finally:
        await connection.close()
