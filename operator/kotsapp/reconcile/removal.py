"""Deleting what an app applied: what has left its manifests, and everything when the app itself goes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from kotsapp.cluster.apply import Applier, Refusal, RefusedError
from kotsapp.cluster.client import FIELD_MANAGER, KubeClient
from kotsapp.cluster.errors import ApiError
from kotsapp.cluster.inventory import Entry, Marks
from kotsapp.cluster.objects import ObjectKey
from kotsapp.reconcile.app import App
from kotsapp.reconcile.report import Report
from kotsapp.reconcile.services import Services
from kotsapp.resource import PRUNE_ANNOTATION

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removal:
    """Objects that were ``deleted``, and those that were ``left`` in the cluster for good, with the reason."""

    deleted: tuple[ObjectKey, ...] = ()
    left: tuple[tuple[ObjectKey, str], ...] = ()


async def remove(app: App, entries: Sequence[Entry], applier: Applier, report: Report) -> Removal:
    """Delete the objects of these entries, and take them out of the report's inventory; raises RefusedError."""
    deleted: list[ObjectKey] = []
    left: list[tuple[ObjectKey, str]] = []

    def done(entry: Entry, reason: str | None) -> None:
        report.removed([entry])
        if reason is None:
            deleted.append(entry.key)
        else:
            left.append((entry.key, reason))

    await applier.delete(entries, Marks(app.labels, app.uid, PRUNE_ANNOTATION, FIELD_MANAGER), done)
    return Removal(tuple(sorted(deleted)), tuple(sorted(left)))


async def clean_up(app: App, client: KubeClient, services: Services, report: Report) -> tuple[Removal, list[str]]:
    """Delete what the report's inventory lists, as the finalizer promises; what was done, and the problems left.

    Where a namespace goes, the account that the app names may go before the app: what could be deleted as that
    account alone is left then, so that the namespace isn't kept for ever.
    """
    entries = list(report.inventory.entries.values())
    applier = Applier(client, services.owned, lambda _: False)
    try:
        return await remove(app, entries, applier, report), []
    except RefusedError as error:
        if client.user is None or not await _account_goes(app, error.refusals, services):
            return Removal(), [str(refusal) for refusal in error.refusals]
        outside = [str(r.key.within(app.namespace)) for r in error.refusals if r.key.namespace != app.namespace]
        if outside:
            left = ", ".join(outside)
            logger.warning("%s/%s: its account went with the namespace; left behind: %s", app.namespace, app.name, left)
    return Removal(), []


async def _account_goes(app: App, refusals: Sequence[Refusal], services: Services) -> bool:
    if not all(refusal.forbidden for refusal in refusals):
        return False
    try:
        namespace = await services.client.get(await services.client.resource_type("v1", "Namespace"), app.namespace)
    except ApiError:
        return False  # with rights in namespaces alone it can't be known
    return namespace is None or "deletionTimestamp" in namespace["metadata"]
