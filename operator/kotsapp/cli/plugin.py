"""``kubectl kotsapp``: looking at a KotsApp as its person wants to, and asking for another try."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio.config import ConfigException

from kotsapp import __version__
from kotsapp.cli.ending import carry_out, report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.output import add_output_option, print_result, table
from kotsapp.kube.client import KubeClient, connect
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.names import API_VERSION, KIND, REQUEST_ANNOTATION

OPERATOR_LABEL = "app.kubernetes.io/name=kotsapp-operator"
_TROUBLES = {"undecided": "undecided", "unverified": "not verified"}


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
        command.add_argument("--kubeconfig", metavar="FILE", help="default: as kubectl finds it")
        if action is not _retry:
            add_output_option(command)
        command.set_defaults(action=action)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 (found a problem) or 2 (bad usage)."""
    args = parser().parse_args(argv)
    return carry_out("kubectl kotsapp", lambda: _report(args))


def _report(args: argparse.Namespace) -> int:
    try:
        return asyncio.run(_run(args))
    except ConfigException as error:
        raise CommandError(f"no cluster: {error}", EXIT_PROBLEM) from None
    except ApiError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None


async def _run(args: argparse.Namespace) -> int:
    client, connection = await connect(
        f"kubectl-kotsapp/{__version__}", context=args.context, kubeconfig=args.kubeconfig
    )
    namespace = args.namespace or connection.namespace
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


async def _status(args: argparse.Namespace, _client: KubeClient, app: dict[str, Any]) -> int:
    status = app.get("status") or {}
    shown = {"name": args.name, "namespace": app["metadata"]["namespace"], **status}
    print_result(shown, args.output, lambda: _status_text(app, status))
    return EXIT_OK if _ready(status).get("status") == "True" and _is_current(app) else EXIT_PROBLEM


def _status_text(app: dict[str, Any], status: dict[str, Any]) -> str:
    lines = [
        ("KotsApp", f"{app['metadata']['namespace']}/{app['metadata']['name']}"),
        ("License", _license_line(status.get("license") or {})),
        ("Images", _images_line(status)),
    ]
    if _is_suspended(app):
        lines.append(("Suspended", "nothing is changed until spec.suspend is false"))
    if not _is_current(app):
        lines.append(("Outdated", _outdated(app)))
    conditions = table(
        ("CONDITION", "STATUS", "REASON", "MESSAGE"),
        ([c.get(k, "") for k in ("type", "status", "reason", "message")] for c in status.get("conditions") or ()),
    )
    workloads = table(
        ("WORKLOAD", "NAMESPACE", "STATE", "MESSAGE"),
        (
            [f"{w.get('kind')}/{w.get('name')}", w.get("namespace", ""), w.get("state", ""), w.get("message", "")]
            for w in status.get("workloads") or ()
        ),
    )
    return "\n".join([*(f"{head:<9}   {text}" for head, text in lines), "", conditions, "", workloads])


def _outdated(app: dict[str, Any]) -> str:
    """Why what is shown is not about the newest spec."""
    if _is_suspended(app):
        return "what is below was true before it was suspended"
    if not _ready(app.get("status") or {}):
        return (
            f"no operator has looked at it yet; is one running? kubectl get pods --all-namespaces -l {OPERATOR_LABEL}"
        )
    return "the newest change is not taken up yet; what is below is about an earlier one"


def _is_suspended(app: dict[str, Any]) -> bool:
    return bool((app.get("spec") or {}).get("suspend"))


def _is_current(app: dict[str, Any]) -> bool:
    """Whether the newest spec is what the conditions are about."""
    ready = _ready(app.get("status") or {})
    return bool(ready.get("observedGeneration") == app["metadata"].get("generation"))


def _images_line(status: dict[str, Any]) -> str:
    """How many pods pull from where; the list is capped, the summary counts all."""
    summary, images = status.get("imageSummary") or {}, status.get("images") or ()
    total = summary.get("total", 0)
    told = [f"{summary.get('proxied', 0)} through the proxy"]
    if len(images) == total:
        routes = Counter(image.get("route") for image in images)
        ways = (("Registry", "from the vendor's registry"), ("Direct", "directly"))
        told += [f"{routes[route]} {way}" for route, way in ways if routes[route]]
    told += [f"{summary[key]} {text}" for key, text in _TROUBLES.items() if summary.get(key)]
    return f"{total}: {', '.join(told)}"


def _license_line(license: dict[str, Any]) -> str:
    if not license:
        return "none that is valid yet"
    parts = [
        str(license.get("appSlug", "")),
        str(license.get("customerName", "")),
        str(license.get("channelName", "")),
    ]
    ends = license.get("expiresAt")
    return ", ".join(part for part in parts if part) + (f", until {ends}" if ends else ", never expires")


async def _images(args: argparse.Namespace, _client: KubeClient, app: dict[str, Any]) -> int:
    status = app.get("status") or {}
    images = status.get("images") or []
    print_result({"images": images}, args.output, lambda: _image_table(images))
    ready = _ready(status)
    if not images and ready.get("status") != "True":
        told = f"{ready['reason']}: {ready['message']}" if ready else _outdated(app)
        report(f"kubectl kotsapp: no image is known: {told}")
        return EXIT_PROBLEM
    bad = [i for i in images if "route" not in i or i.get("verified") == "False"]
    return EXIT_PROBLEM if bad else EXIT_OK


def _image_table(images: Sequence[dict[str, Any]]) -> str:
    return table(
        ("IMAGE", "VERDICT", "ROUTE", "HTTP", "VERIFIED", "USED BY", "MESSAGE"),
        (
            (
                image.get("image", ""),
                image.get("verdict", ""),
                image.get("route", "undecided"),
                image.get("httpStatus", ""),
                image.get("verified", ""),
                ", ".join(image.get("usedBy") or ()),
                image.get("message", ""),
            )
            for image in images
        ),
    )


async def _retry(args: argparse.Namespace, client: KubeClient, app: dict[str, Any]) -> int:
    kind = await client.resource_type(API_VERSION, KIND)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    patch = {"metadata": {"annotations": {REQUEST_ANNOTATION: now}}}
    await client.merge(kind, args.name, app["metadata"]["namespace"], patch)
    when = ", once spec.suspend is false" if _is_suspended(app) else ""
    print(f"kotsapp/{args.name}: asked for a fresh probe of every image{when}")
    return EXIT_OK


def _ready(status: dict[str, Any]) -> dict[str, Any]:
    return next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})


if __name__ == "__main__":
    sys.exit(main())
