"""``kubectl kotsapp``: looking at a KotsApp as its person wants to, and asking for another try."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio import config as aio_config
from kubernetes.aio.config import ConfigException
from rich.console import Group
from rich.table import Table

from kotsapp import __version__
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.output import add_output_option, plain_table, print_result
from kotsapp.cluster.client import KubeClient, connect
from kotsapp.cluster.errors import ApiError, UnknownKindError
from kotsapp.resource import API_VERSION, KIND, REQUEST_ANNOTATION


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="kubectl kotsapp", description=__doc__)
    top.add_argument("--version", action="version", version=f"kubectl-kotsapp {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, action, text in (
        ("status", _status, "how the app is, and what to do about it; exit code 1 unless it is Ready"),
        ("images", _images, "every image: what was found, and where pods pull it; exit code 1 if one is not pullable"),
        ("retry", _retry, "ask every registry again now"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("name", metavar="NAME")
        command.add_argument("-n", "--namespace", help="default: the current context's")
        command.add_argument("--context", help="a context of the kubeconfig")
        if action is not _retry:
            add_output_option(command)
        command.set_defaults(action=action)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 (found a problem) or 2 (bad usage)."""
    args = parser().parse_args(argv)
    try:
        return asyncio.run(_run(args))
    except CommandError as error:
        print(f"kubectl kotsapp: {error}", file=sys.stderr)
        return error.exit_code
    except ConfigException as error:
        print(f"kubectl kotsapp: no cluster: {error}", file=sys.stderr)
        return EXIT_PROBLEM
    except ApiError as error:
        print(f"kubectl kotsapp: {error}", file=sys.stderr)
        return EXIT_PROBLEM


async def _run(args: argparse.Namespace) -> int:
    namespace = args.namespace or _current_namespace(args.context)
    client, connection = await connect(f"kubectl-kotsapp/{__version__}", context=args.context)
    try:
        try:
            kind = await client.resource_type(API_VERSION, KIND)
        except UnknownKindError:
            raise CommandError("the cluster knows no KotsApps: install the operator first", EXIT_PROBLEM) from None
        app = await client.get(kind, args.name, namespace)
        if app is None:
            raise CommandError(f"there is no KotsApp {args.name} in namespace {namespace}", EXIT_PROBLEM)
        code: int = await args.action(args, client, app)
        return code
    finally:
        await connection.close()


def _current_namespace(context: str | None) -> str:
    try:
        contexts, current = aio_config.list_kube_config_contexts()
    except ConfigException:
        return "default"
    chosen = next((c for c in contexts if c["name"] == context), current) if context else current
    return str((chosen.get("context") or {}).get("namespace") or "default")


async def _status(args: argparse.Namespace, _client: KubeClient, app: dict[str, Any]) -> int:
    status = app.get("status") or {}
    ready = _ready(status)
    shown = {"name": args.name, "namespace": app["metadata"]["namespace"], **status}
    print_result(shown, args.output, lambda: _status_table(app, status))
    return EXIT_OK if ready == "True" else EXIT_PROBLEM


def _status_table(app: dict[str, Any], status: dict[str, Any]) -> Group:
    license_ = status.get("license") or {}
    summary = status.get("imageSummary") or {}
    head = plain_table("", "")
    head.show_header = False
    head.add_row("KotsApp", f"{app['metadata']['namespace']}/{app['metadata']['name']}")
    head.add_row("License", _license_line(license_))
    head.add_row(
        "Images",
        f"{summary.get('total', 0)}: {summary.get('proxied', 0)} through the proxy, {summary.get('public', 0)} public,"
        f" {summary.get('undecided', 0)} undecided, {summary.get('unverified', 0)} not verified",
    )
    if app.get("spec", {}).get("suspend"):
        head.add_row("Suspended", "nothing is changed until spec.suspend is false")
    conditions = plain_table("CONDITION", "STATUS", "REASON", "MESSAGE")
    for condition in status.get("conditions") or ():
        conditions.add_row(*(str(condition.get(k, "")) for k in ("type", "status", "reason", "message")))
    workloads = plain_table("WORKLOAD", "NAMESPACE", "STATE", "MESSAGE")
    for workload in status.get("workloads") or ():
        name = f"{workload.get('kind')}/{workload.get('name')}"
        workloads.add_row(name, workload.get("namespace", ""), workload.get("state", ""), workload.get("message", ""))
    return Group(head, "", conditions, "", workloads)


def _license_line(license_: dict[str, Any]) -> str:
    if not license_:
        return "none that is valid yet"
    parts = [
        str(license_.get("appSlug", "")),
        str(license_.get("customerName", "")),
        str(license_.get("channelName", "")),
    ]
    ends = license_.get("expiresAt")
    return ", ".join(part for part in parts if part) + (f", until {ends}" if ends else ", never expires")


async def _images(args: argparse.Namespace, _client: KubeClient, app: dict[str, Any]) -> int:
    images = (app.get("status") or {}).get("images") or []
    print_result({"images": images}, args.output, lambda: _image_table(images))
    bad = [i for i in images if "route" not in i or i.get("verified") == "False"]
    return EXIT_PROBLEM if bad else EXIT_OK


def _image_table(images: Sequence[dict[str, Any]]) -> Table:
    table = plain_table("IMAGE", "VERDICT", "ROUTE", "HTTP", "VERIFIED", "USED BY", "MESSAGE")
    for image in images:
        table.add_row(
            image.get("image", ""),
            image.get("verdict", ""),
            image.get("route", "undecided"),
            str(image.get("httpStatus", "")),
            image.get("verified", ""),
            ", ".join(image.get("usedBy") or ()),
            image.get("message", ""),
        )
    return table


async def _retry(args: argparse.Namespace, client: KubeClient, app: dict[str, Any]) -> int:
    kind = await client.resource_type(API_VERSION, KIND)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    patch = {"metadata": {"annotations": {REQUEST_ANNOTATION: now}}}
    await client.merge(kind, args.name, app["metadata"]["namespace"], patch)
    print(f"kotsapp/{args.name}: asked for a fresh probe of every image")
    return EXIT_OK


def _ready(status: dict[str, Any]) -> str:
    return next((str(c.get("status")) for c in status.get("conditions") or () if c.get("type") == "Ready"), "Unknown")


if __name__ == "__main__":
    sys.exit(main())
