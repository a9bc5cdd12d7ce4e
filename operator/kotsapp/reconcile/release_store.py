"""The stored releases of a KotsApp in the cluster: Secrets beside it, which go with it (DESIGN 6.5)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.apply.inventory import Inventory
from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import key_of
from kotsapp.reconcile.app import App
from kotsapp.release import store
from kotsapp.release.annotations import Object, hook_events
from kotsapp.release.charts import ChartRequest
from kotsapp.release.store import RELEASE_LABEL, REVISION_LABEL, SECRET_TYPE, Packed, StoredRelease
from kotsapp.release.upgrade import ChartRecord, Past

# The one before stays until the next one is there: a write that is cut off must not leave the app without any.
KEPT_REVISIONS = 2


@dataclass(frozen=True, slots=True)
class Revision:
    """A stored release that is there, without what it holds: names and resourceVersions of its Secrets, which are
    others when somebody has changed one."""

    number: int
    parts: tuple[tuple[str, str], ...]


async def newest(app: App, client: KubeClient) -> Revision | None:
    """The newest stored release; None when there is none. Raises ApiError."""
    found = store.revisions(await _listed(app, client))
    if not found:
        return None
    number = next(iter(found))
    if len(found) > 1 and not store.is_whole(found[number], app.name, number):
        number = list(found)[1]  # the write of the newest was cut off
    seen = (secret["metadata"] for secret in found[number])
    return Revision(number, tuple(sorted((one["name"], one["resourceVersion"]) for one in seen)))


async def load(
    app: App, revision: Revision, client: KubeClient, read: Callable[[Packed], Awaitable[StoredRelease]]
) -> StoredRelease:
    """What the revision holds. ``read`` is what looks into it, where that does no harm.

    Raises StoredReleaseError when it can't be used, ApiError, and what ``read`` raises.
    """
    secrets = await _parts(app, revision, client)
    return await read(await asyncio.to_thread(store.packed, secrets, app.name, revision.number))


async def save(app: App, stored: StoredRelease, client: KubeClient) -> None:
    """Store it as a new revision, and drop older ones. Raises StoredReleaseError when it is too large, ApiError."""
    metadata = {"namespace": app.namespace, "labels": {}, "ownerReferences": [app.owner_reference]}
    made = await asyncio.to_thread(store.secrets, stored, app.name, metadata)
    for secret in made:
        await client.apply(secret)
    wanted = {secret["metadata"]["name"] for secret in made}
    kind = await client.resource_type("v1", "Secret")
    revisions = store.revisions(await _listed(app, client))
    for revision in list(revisions)[KEPT_REVISIONS:]:
        for old in revisions[revision]:
            name = old["metadata"]["name"]
            if name not in wanted:
                await client.delete(kind, name, app.namespace, uid=old["metadata"]["uid"])


def past_of(stored: StoredRelease | None, inventory: Inventory, *, lost: bool) -> Callable[[str], Past | None]:
    """What a chart was before, by its key; None for one that is not installed yet.

    It is installed when all that it brought was applied, or it was upgraded already: one whose install has not come to
    its end is installed once more. Of an app whose stored release was ``lost`` every chart may have been there.
    """
    if stored is None:
        unknown = Past() if lost and any(entry.digest for entry in inventory.entries.values()) else None
        return lambda _: unknown
    of_charts: list[list[Object]] = [[] for _ in stored.charts]
    for obj, number in zip(stored.release.objects, stored.release.chart_numbers, strict=False):
        if 0 < number <= len(of_charts):
            of_charts[number - 1].append(obj)
    installed = {
        record.key: Past(record.digest, tuple(obj for obj in objects if hook_events(obj)))
        for record, objects in zip(stored.charts, of_charts, strict=True)
        if record.upgrade or all(_applied(obj, inventory) for obj in objects)
    }
    return installed.get


def records(charts: Sequence[ChartRequest]) -> tuple[ChartRecord, ...]:
    """What to store of the charts of a release that was just rendered."""
    return tuple(ChartRecord(request.key, request.digest, request.past is not None) for request in charts)


def _applied(obj: Object, inventory: Inventory) -> bool:
    entry = inventory.get(key_of(obj))
    return entry is not None and bool(entry.digest)


async def _listed(app: App, client: KubeClient) -> Sequence[dict[str, Any]]:
    """What is labelled as a stored release of this very KotsApp and owned by it, without what it holds: somebody may
    have made any number of them, and said much of each. Their type is looked at where they are read."""
    kind = await client.resource_type("v1", "Secret")
    pages = client.pages(kind, app.namespace, labels=f"{RELEASE_LABEL}={app.name}", metadata_only=True)
    return [_known(one["metadata"]) async for page in pages for one in page.items if _is_own(app, one)]


def _known(metadata: Mapping[str, Any]) -> dict[str, Any]:
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name == REVISION_LABEL}
    kept = {name: metadata[name] for name in ("name", "uid", "resourceVersion")} | {"labels": labels}
    return {"metadata": kept, "type": SECRET_TYPE}


async def _parts(app: App, revision: Revision, client: KubeClient) -> Sequence[dict[str, Any]]:
    """The Secrets of a revision with what they hold, no more than one can have."""
    kind = await client.resource_type("v1", "Secret")
    there = {name for name, _ in revision.parts}
    names = [name for name in store.part_names(app.name, revision.number) if name in there]
    found = [await client.get(kind, name, app.namespace) for name in names]
    return [
        secret
        for secret in found
        if secret is not None and secret.get("type", SECRET_TYPE) == SECRET_TYPE and _is_own(app, secret)
    ]


def _is_own(app: App, secret: Mapping[str, Any]) -> bool:
    return any(owner.get("uid") == app.uid for owner in secret["metadata"].get("ownerReferences") or ())
