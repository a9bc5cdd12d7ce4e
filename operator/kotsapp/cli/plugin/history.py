"""``kubectl kotsapp history``: the renderings of the release that are kept."""

from argparse import Namespace
from typing import Any

from kotsapp.cli.errors import EXIT_OK
from kotsapp.cli.output import print_result
from kotsapp.cli.plugin.target import App, Target
from kotsapp.cli.plugin.terminal import fitted


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    found = await _revisions(app, target)
    print_result({"revisions": found}, args.output, lambda: _text(found))
    return EXIT_OK


async def _revisions(app: App, target: Target) -> list[dict[str, Any]]:
    """Newest first, by the labels and times of their Secrets alone; no content is asked for."""
    from kotsapp.release.store import RELEASE_LABEL, REVISION_LABEL, VERSION_ANNOTATION

    kind = await target.client.resource_type("v1", "Secret")
    labels = f"{RELEASE_LABEL}={app['metadata']['name']}"
    secrets, _ = await target.client.list(kind, app["metadata"]["namespace"], labels=labels, metadata_only=True)
    release = (app.get("status") or {}).get("release") or {}
    found: dict[int, dict[str, Any]] = {}
    for secret in secrets:
        metadata = secret["metadata"]
        revision = str((metadata.get("labels") or {}).get(REVISION_LABEL, ""))
        if not revision.isdigit():
            continue
        current = int(revision) == release.get("revision")
        # A later version whose files are the same is not rendered anew: what runs now, status tells.
        version = release.get("versionLabel") if current else None
        found[int(revision)] = {
            "revision": int(revision),
            "version": version or (metadata.get("annotations") or {}).get(VERSION_ANNOTATION, ""),
            "rendered": str(metadata.get("creationTimestamp", "")),
            "current": current,
        }
    return [found[revision] for revision in sorted(found, reverse=True)]


def _text(found: list[dict[str, Any]]) -> str:
    if not found:
        return "no rendering is kept: the release has no charts and no template calls, so it is read anew each time"
    rows = [
        (entry["revision"], entry["version"], entry["rendered"], "current" if entry["current"] else "")
        for entry in found
    ]
    return fitted(("REVISION", "VERSION", "RENDERED", ""), rows)
