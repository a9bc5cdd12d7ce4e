"""``kubectl kotsapp report``: one page about an app, to look at or to send to the vendor (DESIGN 10)."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from kotsapp import __version__
from kotsapp.cli.errors import EXIT_OK, CommandError
from kotsapp.cli.plugin import private, report_page
from kotsapp.cli.plugin.events import events_of
from kotsapp.cli.plugin.images import is_bad
from kotsapp.cli.plugin.report_page import Facts
from kotsapp.cli.plugin.target import App, Target, is_current, is_suspended, outdated, ready
from kotsapp.cli.plugin.terminal import is_terminal
from kotsapp.cli.plugin.tree import pods_below
from kotsapp.cli.plugin.why import advice
from kotsapp.text import rfc3339

WELL = "Nothing: the app is as it should be."


async def run(args: Namespace, target: Target) -> int:
    if args.to is None and is_terminal():
        raise CommandError("the report is a page of HTML: write it into a file with --to FILE, or redirect it")
    app = await target.app()
    facts, mine = await _facts(app, target)
    page = report_page.page(facts, mine)
    if args.to is None:
        sys.stdout.write(page)
        return EXIT_OK
    args.to.write_text(page, encoding="utf-8")
    print(f"kotsapp/{app['metadata']['name']}: wrote {args.to}; look at it before you send it to anybody")
    return EXIT_OK


async def _facts(app: App, target: Target) -> tuple[Facts, private.Private]:
    from kotsapp.kube.errors import ApiError

    status = app.get("status") or {}
    missing = []
    try:
        pods = await pods_below(target.client, status.get("inventory") or ())
    except ApiError:
        pods = {}
        missing.append("Pods are not shown: whoever made this page may not list them.")
    try:
        events = await events_of(app, target)
    except ApiError:
        events = []
        missing.append("Events are not shown: whoever made this page may not list them.")
    mine = private.of_app(app, (pod for of_one in pods.values() for pod in of_one))
    facts = Facts(
        app=app,
        made=f"{rfc3339()}, by kubectl-kotsapp {__version__}, on Kubernetes {target.client.server_version}",
        todo=tuple(_todo(app, status.get("images") or ())),
        events=tuple(events),
        pods=pods,
        missing=tuple(missing),
    )
    return facts, mine


def _todo(app: App, images: Sequence[dict[str, Any]]) -> list[str]:
    """What to do next, each once, the most pressing first."""
    condition = ready(app)
    found = []
    if is_suspended(app):
        found.append(f"It is suspended. Take it up again: kubectl kotsapp resume {app['metadata']['name']}")
    elif not is_current(app):
        found.append(f"{outdated(app).capitalize()}.")
    bad = [image for image in images if is_bad(image)]
    # What Ready says of images is said of each of them below.
    if condition.get("status") != "True" and not (bad and str(condition.get("reason")).startswith("Images")):
        found.append(f"{condition.get('reason', 'Unknown')}: {condition.get('message', 'nothing is known yet')}")
    found += [f"{image.get('image')}: {advice(image, app)}" for image in bad]
    return list(dict.fromkeys(found)) or [WELL]
