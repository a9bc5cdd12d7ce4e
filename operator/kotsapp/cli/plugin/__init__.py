"""``kubectl kotsapp``: looking at a KotsApp as its person wants to, and asking for another try (DESIGN 10)."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from kotsapp import __version__
from kotsapp.cli.ending import carry_out
from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.cli.plugin.arguments import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 (found a problem), 2 (bad usage) or 130 (Ctrl-C)."""
    args = parse(list(sys.argv[1:] if argv is None else argv))
    return carry_out("kubectl kotsapp", lambda: _run(args))


def _run(args: Namespace) -> int:
    # Help needs none of this, which takes most of a second to load.
    import asyncio

    from kubernetes.aio.config import ConfigException

    from kotsapp.kube.errors import ApiError

    try:
        return asyncio.run(_connected(args))
    except ConfigException as error:
        raise CommandError(f"no cluster: {error}", EXIT_PROBLEM) from None
    except ApiError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None


async def _connected(args: Namespace) -> int:
    from kotsapp.cli.plugin.target import Target
    from kotsapp.kube.client import connect

    client, connection = await connect(
        f"kubectl-kotsapp/{__version__}", context=args.context, kubeconfig=args.kubeconfig
    )
    try:
        target = Target(client.impersonating(args.user) if args.user else client, args, connection.namespace)
        code: int = await args.action(args, target)
        return code
    finally:
        await connection.close()
