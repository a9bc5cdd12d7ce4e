"""``kubectl kotsapp events``: what happened to the app."""

from argparse import Namespace
from typing import Any

from kotsapp.cli.errors import EXIT_OK
from kotsapp.cli.output import print_result
from kotsapp.cli.plugin.target import App, Target
from kotsapp.cli.plugin.terminal import fitted
from kotsapp.names import KIND

Event = dict[str, Any]


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    events = await events_of(app, target)
    print_result({"events": events}, args.output, lambda: _text(events))
    return EXIT_OK


async def events_of(app: App, target: Target) -> list[Event]:
    """Oldest first: the names of the operator's events grow with time, and so do those of the same second."""
    kind = await target.client.resource_type("v1", "Event")
    found, _ = await target.client.list(
        kind, app["metadata"]["namespace"], fields=f"involvedObject.uid={app['metadata']['uid']}"
    )
    about = [e for e in found if (e.get("involvedObject") or {}).get("kind") == KIND]
    about.sort(key=lambda e: (str(e.get("lastTimestamp") or ""), e["metadata"]["name"]))
    return [
        {
            "time": event.get("lastTimestamp") or event["metadata"].get("creationTimestamp"),
            **{name: event.get(name, "") for name in ("type", "reason", "message")},
        }
        for event in about
    ]


def _text(events: list[Event]) -> str:
    if not events:
        return "no events: Kubernetes keeps them for an hour"
    return fitted(
        ("TIME", "TYPE", "REASON", "MESSAGE"), [(e["time"], e["type"], e["reason"], e["message"]) for e in events]
    )
