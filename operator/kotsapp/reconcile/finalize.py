"""Deleting what was applied for an app when the app itself goes, as its finalizer promises."""

import logging
from collections.abc import Sequence

from kotsapp.apply.changes import Removal
from kotsapp.apply.deleter import Deleter
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.lending import is_lent_on_request
from kotsapp.apply.pruner import Pruner
from kotsapp.apply.refusals import Refusal, RefusedError
from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.impersonation import client_of
from kotsapp.reconcile.services import Services

logger = logging.getLogger(__name__)


async def finalize(app: App, ledger: Ledger, services: Services) -> tuple[Removal, list[str]]:
    """Delete what the inventory lists; what was done, and the problems left.

    Where a namespace goes, the account that the app names, or the operator's own RoleBinding, may go before the app:
    what could be deleted by their rights alone is left then, so that the namespace isn't kept for ever.
    """
    client = client_of(app, app.account, services)
    pruner = Pruner(app.applicant, Deleter(services.cache), client, lambda account: client_of(app, account, services))
    try:
        goes = await _namespace_goes(app, services)
        entries = list(ledger.inventory.entries.values())
        return await pruner.delete(entries, ledger, lingers=not goes), []
    except ApiError as error:
        return Removal(), [str(error)]
    except RefusedError as error:
        if not all(refusal.forbidden for refusal in error.refusals):
            return Removal(), [str(refusal) for refusal in error.refusals]
        if client.user is None:
            removal, problems = _leave(error.refusals, ledger.inventory)
            # By its own rights the operator applies to the app's namespace alone; those may go before the app, too.
            return removal, [] if goes else problems
        if not goes:
            return Removal(), [str(refusal) for refusal in error.refusals]
        outside = [str(r.key.within(app.namespace)) for r in error.refusals if r.key.namespace != app.namespace]
        if outside:
            logger.warning("%s: its account went with the namespace; left behind: %s", app.key, ", ".join(outside))
    return Removal(), []


def _leave(refusals: Sequence[Refusal], inventory: Inventory) -> tuple[Removal, list[str]]:
    """Leave what an account had applied that the app doesn't name any more, and that may not delete it: nobody who
    deletes the app could put that right."""
    accounts = {entry.key: entry.account for entry in inventory.entries.values()}
    left, problems = [], []
    for refusal in refusals:
        if account := accounts.get(refusal.key):
            left.append((refusal.key, f"{account}, which applied it, may not"))
        elif not is_lent_on_request(refusal.key):
            problems.append(str(refusal))
        # Else it was lent once and is no more: it has the app for its owner, and Kubernetes collects it.
    return Removal(left=tuple(sorted(left))), problems


async def _namespace_goes(app: App, services: Services) -> bool:
    try:
        namespace = await services.client.get(await services.client.resource_type("v1", "Namespace"), app.namespace)
    except ApiError:
        return False  # with rights in namespaces alone it can't be known
    return namespace is None or "deletionTimestamp" in namespace["metadata"]
