"""Whose the objects are that a plan would write over."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kotsapp.api.conditions import PULL_SECRET_READY, WORKLOADS_APPLIED, Condition, Reason
from kotsapp.apply.adopt import Adoption
from kotsapp.apply.cache import Owner
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.policy import stranger
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.objects import ObjectKey, key_of
from kotsapp.names import API_VERSION, KIND
from kotsapp.reconcile.app import App
from kotsapp.reconcile.outcome import UNWATCHED_POLL, Halt, stop
from kotsapp.reconcile.plan import Object, Plan
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.sight import Sight
from kotsapp.reconcile.status import Report

MAX_SHOWN = 5
CONCURRENCY = 16


async def claim(
    app: App, keys: Sequence[ObjectKey], pull_secrets: Collection[ObjectKey], sight: Sight, services: Services
) -> None:
    """Reserve the objects until ``services.owned.release``; raises Halt when another app has one of them.

    Labels alone claim nothing: the app that they name has to be there, and to have the object in its inventory.
    """
    owned = services.owned
    claims = owned.reserve(app.key, keys)
    if not claims:
        labelled = {key: seen.owner for key in keys if (seen := await sight.of(key)) is not None and all(seen.owner)}
        others = {key: owner for key, owner in labelled.items() if owner != app.key}
        claims = {key: owner for key, owner in others.items() if await _holds(owner, key, services)}
    if not claims:
        return
    owned.release(app.key)
    owned.await_release(app.key, claims)
    clashes = [(key, holder) for key, holder in claims.items() if key in pull_secrets]
    if clashes:
        key, holder = clashes[0]
        message = (
            f"{key.within(app.namespace)} is the pull secret of KotsApp {'/'.join(holder)}, and each KotsApp of a"
            " namespace has its own: name another one in spec.pullSecret.name"
        )
        condition = Condition.false(PULL_SECRET_READY, Reason.PULL_SECRET_CLASH, message)
        raise stop(Reason.PULL_SECRET_CLASH, message, condition, retry_after=UNWATCHED_POLL)
    told = [f"{key.within(app.namespace)} is claimed by KotsApp {'/'.join(holder)}" for key, holder in claims.items()]
    message = "; ".join(told[:MAX_SHOWN]) + "; one object can't have two, remove it from one of them"
    condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_CLAIMED, message)
    raise stop(Reason.OBJECT_CLAIMED, message, condition, retry_after=UNWATCHED_POLL)


async def _holds(holder: Owner, key: ObjectKey, services: Services) -> bool:
    kind = await services.client.resource_type(API_VERSION, KIND)
    app = await services.client.get(kind, holder[1], holder[0])
    if app is None:
        return False
    return Inventory.from_status((app.get("status") or {}).get("inventory") or ()).get(key) is not None


def refuse_controlled(app: App, stored: Sequence[Object]) -> None:
    """Raises Halt when a controller made one of these live objects: it lasts as long as that controller's owner."""
    problems = [problem for obj in stored if (problem := _controlled_by_other(obj, app))]
    if problems:
        raise _refusal(problems)


async def refuse_strangers(
    app: App, objects: Sequence[Object], client: KubeClient, services: Services, report: Report
) -> None:
    """Raises Halt when one of these objects is there and is not the app's, so that the operator's rights make it so."""
    unsure = [key for key in map(key_of, objects) if not _is_known(app, key, services)]
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(key: ObjectKey) -> str | None:
        async with gate:
            kind = await client.resource_type(key.api_version, key.kind)
            live = await client.get(kind, key.name, key.namespace, metadata_only=True)
        if live is None:
            return None
        live["kind"] = key.kind  # of metadata alone the answer says that it is metadata
        reason = stranger(live, app.labels, FIELD_MANAGER, applied=report.inventory.get(key) is not None)
        return f"{key.within(app.namespace)} {reason}" if reason else None

    problems = [problem for problem in await asyncio.gather(*(one(key) for key in unsure)) if problem]
    if problems:
        raise _refusal(problems)


def adoption(app: App, client: KubeClient, report: Report, plan: Plan) -> Adoption:
    """Whose fields become the app's in its objects; what may not be applied over stays as it is."""

    def allowed(live: Object) -> bool:
        if _controlled_by_other(live, app) is not None:
            return False
        applied = report.inventory.get(key_of(live)) is not None
        return client.user is not None or stranger(live, app.labels, FIELD_MANAGER, applied=applied) is None

    return replace(Adoption.from_names(app.adopt), allowed=allowed, left_open=plan.left_open)


def _is_known(app: App, key: ObjectKey, services: Services) -> bool:
    """Whether the watch shows the app's labels on the live object."""
    seen = services.owned.get(key)
    return seen is not None and seen.owner == app.key


def _controlled_by_other(obj: Mapping[str, Any], app: App) -> str | None:
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner.get("uid") != app.uid:
            return (
                f"{key_of(obj).within(app.namespace)} belongs to {owner.get('kind')} {owner.get('name')};"
                " give the object in the manifests another name"
            )
    return None


def _refusal(problems: Sequence[str]) -> Halt:
    message = "; ".join(problems[:MAX_SHOWN])
    if len(problems) > MAX_SHOWN:
        message += f"; and {len(problems) - MAX_SHOWN} more"
    condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, message)
    return stop(Reason.OBJECT_REFUSED, message, condition, retry_after=UNWATCHED_POLL)
