"""Deleting what an app applied: what has left its manifests, and everything when the app itself goes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from kotsapp.apply.applier import Applier, Refusal, RefusedError
from kotsapp.apply.inventory import NEVER_PRUNED, Entry, Marks
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey
from kotsapp.names import PRUNE_ANNOTATION
from kotsapp.reconcile.app import App
from kotsapp.reconcile.impersonation import identity_for
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.status import Report

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removal:
    """Objects that were ``deleted``, and those that were ``left`` in the cluster for good, with the reason."""

    deleted: tuple[ObjectKey, ...] = ()
    left: tuple[tuple[ObjectKey, str], ...] = ()


async def remove(
    app: App,
    entries: Sequence[Entry],
    applier: Applier,
    client: KubeClient,
    services: Services,
    report: Report,
    *,
    lingers: bool = True,
) -> Removal:
    """Delete the objects of these entries, and take them out of the report's inventory; raises RefusedError.

    With the rights of the account that the app names now, else with those that applied each object: an app that names
    no account any more doesn't thereby have the operator's own rights over what an account applied.
    """
    deleted: list[ObjectKey] = []
    left: list[tuple[ObjectKey, str]] = []

    def done(entry: Entry, reason: str | None) -> None:
        report.removed([entry])
        if reason is None:
            deleted.append(entry.key)
        else:
            left.append((entry.key, reason))

    def client_for(entry: Entry) -> KubeClient:
        return identity_for(app, entry.account or None, services) if client.user is None else client

    marks = Marks(app.labels, app.uid, PRUNE_ANNOTATION, FIELD_MANAGER)
    within = []
    for entry in entries:
        if client.user is None and _is_beyond(app, entry):
            done(entry, "the operator's own rights delete nothing outside the KotsApp's namespace")
        else:
            within.append(entry)
    await applier.delete(within, marks, done, client_for, lingers=lingers)
    return Removal(tuple(sorted(deleted)), tuple(sorted(left)))


def _is_beyond(app: App, entry: Entry) -> bool:
    """Whether no account vouches for an object elsewhere: others than the operator may be able to write a status."""
    return not entry.account and entry.key.namespace != app.namespace and entry.key.group_kind not in NEVER_PRUNED


async def clean_up(app: App, client: KubeClient, services: Services, report: Report) -> tuple[Removal, list[str]]:
    """Delete what the report's inventory lists, as the finalizer promises; what was done, and the problems left.

    Where a namespace goes, the account that the app names may go before the app: what could be deleted as that
    account alone is left then, so that the namespace isn't kept for ever.
    """
    entries = list(report.inventory.entries.values())
    applier = Applier(client, services.owned, lambda _: False)
    try:
        goes = await _namespace_goes(app, services)
        return await remove(app, entries, applier, client, services, report, lingers=not goes), []
    except RefusedError as error:
        if not all(refusal.forbidden for refusal in error.refusals):
            return Removal(), [str(refusal) for refusal in error.refusals]
        if client.user is None:
            return _let_go(error.refusals, report)
        if not goes:
            return Removal(), [str(refusal) for refusal in error.refusals]
        outside = [str(r.key.within(app.namespace)) for r in error.refusals if r.key.namespace != app.namespace]
        if outside:
            left = ", ".join(outside)
            logger.warning("%s/%s: its account went with the namespace; left behind: %s", app.namespace, app.name, left)
    return Removal(), []


def _let_go(refusals: Sequence[Refusal], report: Report) -> tuple[Removal, list[str]]:
    """Leave what an account had applied that the app doesn't name any more, and that may not delete it: nobody who
    deletes the app could put that right."""
    accounts = {entry.key: entry.account for entry in report.inventory.entries.values()}
    problems = [str(refusal) for refusal in refusals if not accounts.get(refusal.key)]
    left = [(r.key, f"{accounts[r.key]}, which applied it, may not") for r in refusals if accounts.get(r.key)]
    return Removal(left=tuple(sorted(left))), problems


async def _namespace_goes(app: App, services: Services) -> bool:
    try:
        namespace = await services.client.get(await services.client.resource_type("v1", "Namespace"), app.namespace)
    except ApiError:
        return False  # with rights in namespaces alone it can't be known
    return namespace is None or "deletionTimestamp" in namespace["metadata"]
