"""``kubectl kotsapp status``: how the app is, and what to do about it."""

import asyncio
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM
from kotsapp.cli.output import print_result
from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.target import POLL_SECONDS, App, Target, is_current, is_suspended, outdated, ready
from kotsapp.cli.plugin.terminal import fitted, is_terminal
from kotsapp.text import listed, printable

_TROUBLES = {"undecided": "undecided", "unverified": "not verified"}
MAX_NEWER = 3
_CLEAR = "\x1b[H\x1b[2J"


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    _show(args, app)
    while args.watch:
        await asyncio.sleep(POLL_SECONDS)
        before, app = app, await target.again(app)
        if app.get("status") != before.get("status") or app.get("spec") != before.get("spec"):
            print(_CLEAR if is_terminal() and args.output == "table" else "", flush=True)
            _show(args, app)
    return EXIT_OK if ready(app).get("status") == "True" and is_current(app) else EXIT_PROBLEM


def _show(args: Namespace, app: App) -> None:
    status = app.get("status") or {}
    shown = {"name": app["metadata"]["name"], "namespace": app["metadata"]["namespace"], **status}
    print_result(shown, args.output, lambda: _text(app, status))


def _text(app: App, status: dict[str, Any]) -> str:
    lines = [
        ("KotsApp", f"{app['metadata']['namespace']}/{app['metadata']['name']}"),
        ("License", _license_line(status.get("license") or {})),
        *(("Release", line) for line in _release_lines(status)),
        ("Images", _images_line(status)),
    ]
    if is_suspended(app):
        lines.append(("Suspended", "nothing is changed until spec.suspend is false"))
    if not is_current(app):
        lines.append(("Outdated", outdated(app)))
    rows = list(_condition_rows(status))
    conditions = fitted(("CONDITION", "STATUS", "REASON", "MESSAGE"), rows)
    workloads = fitted(
        ("WORKLOAD", "NAMESPACE", "STATE", "MESSAGE"),
        [
            [f"{w.get('kind')}/{w.get('name')}", w.get("namespace", ""), w.get("state", ""), w.get("message", "")]
            for w in status.get("workloads") or ()
        ],
    )
    parts = [f"{head:<9}   {printable(text)}" for head, text in lines] + (["", conditions] if rows else [])
    return "\n".join([*parts, "", workloads] if status.get("workloads") else parts)


def _condition_rows(status: dict[str, Any]) -> Iterator[list[object]]:
    """Each message once: where another condition says the same, its name is enough."""
    said: dict[str, str] = {}
    for condition in status.get("conditions") or ():
        type_, state, reason, message = (str(condition.get(k, "")) for k in ("type", "status", "reason", "message"))
        shown = f"as {said[message]}" if message and message in said else message
        said.setdefault(message, type_)
        yield [type_, *tones.condition(type_, state, reason), shown]


def _images_line(status: dict[str, Any]) -> str:
    """How many pods pull from where; the list is capped, the summary counts all."""
    summary, images = status.get("imageSummary") or {}, status.get("images") or ()
    total = summary.get("total", 0)
    if not total:
        return "0" if "total" in summary else "none yet"
    counts = [f"{summary.get('proxied', 0)} through the proxy"]
    if len(images) == total:
        routes = Counter(image.get("route") for image in images)
        ways = (("Registry", "from the vendor's registry"), ("Direct", "directly"))
        counts += [f"{routes[route]} {way}" for route, way in ways if routes[route]]
    counts += [f"{summary[key]} {text}" for key, text in _TROUBLES.items() if summary.get(key)]
    return f"{total}: {', '.join(counts)}"


def _release_lines(status: dict[str, Any]) -> Iterator[str]:
    """Which release of its channel it is, and which newer ones there are; nothing for one that comes from none."""
    release, newer = status.get("release") or {}, status.get("availableReleases") or ()
    if "channelSequence" not in release:
        return
    label = f"{release.get('versionLabel') or 'no version'} ({release['channelSequence']})"
    if newer:
        names = [str(one.get("versionLabel") or one.get("channelSequence")) for one in newer]
        label += f"; newer in the channel: {listed(names, MAX_NEWER)}"
    yield label


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
