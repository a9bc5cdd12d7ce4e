"""What was fetched last, in the cluster: Secrets beside the KotsApp, which go with it (DESIGN 6.5)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from kotsapp.kube.client import KubeClient
from kotsapp.reconcile.app import App
from kotsapp.sources import kept
from kotsapp.sources.artifact import Artifact
from kotsapp.sources.kept import SOURCES_LABEL, Entry


async def load_index(app: App, client: KubeClient) -> dict[str, Entry]:
    """What is kept, by the sources' names; empty for nothing. Raises KeptSourceError, ApiError."""
    found = await _get(app, kept.index_name(app.name), client)
    return {} if found is None else await asyncio.to_thread(kept.read_index, found)


async def load(app: App, entry: Entry, client: KubeClient) -> Artifact:
    """What is kept, with its content. Raises KeptSourceError, ApiError."""
    parts = {name: await _get(app, name, client) for name in kept.part_names(app.name, entry)}
    return await asyncio.to_thread(kept.read_content, app.name, entry, parts)


async def save(
    app: App,
    before: Mapping[str, Entry],
    stay: Mapping[str, Entry],
    new: Mapping[str, tuple[Artifact, str]],
    client: KubeClient,
) -> dict[str, Entry]:
    """Keep the entries that ``stay`` as they are, and ``new`` artifacts, each with what identifies its license; what is
    kept then. ``before`` is what was. Raises ApiError."""
    metadata = {"namespace": app.namespace, "ownerReferences": [app.owner_reference]}
    entries = dict(stay)
    for name, (artifact, opened_by) in new.items():
        entries[name], packed = await asyncio.to_thread(kept.pack, artifact, opened_by)
        for secret in kept.part_secrets(app.name, entries[name], packed, metadata):
            await client.apply(secret)
    if new or entries != before:
        if entries:
            await client.apply(kept.index_secret(app.name, entries, metadata))
        await _prune(app, entries, client)
    return entries


async def _prune(app: App, entries: Mapping[str, Entry], client: KubeClient) -> None:
    """Drop what no entry names any more, whoever left it behind."""
    wanted = {name for one in entries.values() for name in kept.part_names(app.name, one)}
    if entries:
        wanted.add(kept.index_name(app.name))
    kind = await client.resource_type("v1", "Secret")
    # What is said of each is not kept: somebody may have labelled any number of them, with much said of each.
    pages = client.pages(kind, app.namespace, labels=f"{SOURCES_LABEL}={app.name}", metadata_only=True)
    own = [
        (one["metadata"]["name"], one["metadata"]["uid"])
        async for page in pages
        for one in page.items
        if _is_own(app, one)
    ]
    for name, uid in own:
        if name not in wanted:
            await client.delete(kind, name, app.namespace, uid=uid)


async def _get(app: App, name: str, client: KubeClient) -> dict[str, Any] | None:
    """The Secret, if it is this very KotsApp's: one of its name that somebody else made says nothing."""
    found = await client.get(await client.resource_type("v1", "Secret"), name, app.namespace)
    return found if found is not None and _is_own(app, found) else None


def _is_own(app: App, secret: Mapping[str, Any]) -> bool:
    return any(owner.get("uid") == app.uid for owner in secret["metadata"].get("ownerReferences") or ())
