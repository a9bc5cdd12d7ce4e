"""Deleting what was applied for an app when the app itself goes, as its finalizer promises."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from kotsapp.apply.changes import Removal
from kotsapp.apply.deleter import Deleter
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.lending import is_lent_on_request
from kotsapp.apply.pruner import Pruner
from kotsapp.apply.refusals import Refusal, RefusedError
from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.granting import grant
from kotsapp.reconcile.impersonation import client_of, obstacle
from kotsapp.reconcile.services import Services
from kotsapp.text import listed

logger = logging.getLogger(__name__)


# Objects, and problems, that a message names.
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What was done, the problems that are left, and what puts them right, as the end of a message."""

    removal: Removal = field(default_factory=Removal)
    problems: Sequence[str] = ()
    mend: str = ""

    def message(self, app: App) -> str:
        """What Ready says of the problems. What lets it end comes last: there Ready has room for it."""
        let_go = (
            f"kubectl patch kotsapp {app.name} --namespace {app.namespace} --type=merge"
            """ --patch '{"metadata":{"finalizers":null}}'"""
        )
        problems = listed(self.problems, MAX_NAMED, "; ")
        return (
            f"not everything could be deleted, tried again: {problems}. To let go of what is left: {let_go}{self.mend}"
        )


async def finalize(app: App, ledger: Ledger, services: Services) -> Cleanup:
    """Delete what the inventory lists.

    Where a namespace goes, the account that the app names, or the operator's own RoleBinding, may go before the app:
    what could be deleted by their rights alone is left then, so that the namespace isn't kept for ever.
    """
    client = client_of(app, app.account, services)
    pruner = Pruner(app.applicant, Deleter(services.cache), client, lambda account: client_of(app, account, services))
    try:
        goes = await _namespace_goes(app, services)
        entries = list(ledger.inventory.entries.values())
        return Cleanup(await pruner.delete(entries, ledger, lingers=not goes))
    except ApiError as error:
        return Cleanup(problems=[str(error)])
    except RefusedError as error:
        if not all(refusal.forbidden for refusal in error.refusals):
            return Cleanup(problems=[str(refusal) for refusal in error.refusals])
        if client.user is None:
            removal, problems = _leave(error.refusals, ledger.inventory)
            # By its own rights the operator applies to the app's namespace alone; those may go before the app, too.
            return Cleanup(removal, [] if goes else problems)
        if not goes:
            return await _of_account(app, error.refusals, services)
        outside = [str(r.key.within(app.namespace)) for r in error.refusals if r.key.namespace != app.namespace]
        if outside:
            logger.warning("%s: its account went with the namespace; left behind: %s", app.key, ", ".join(outside))
    return Cleanup()


async def _of_account(app: App, refusals: Sequence[Refusal], services: Services) -> Cleanup:
    """What keeps the app's account from deleting; that it is gone says more than what it may not do."""
    try:
        found = await obstacle(app, app.account, services)
    except ApiError:
        found = None  # what was refused is told all the same
    if found is None:
        return Cleanup(problems=[str(refusal) for refusal in refusals], mend=grant(app, refusals))
    left = listed([refusal.key.within(app.namespace) for refusal in refusals], MAX_NAMED)
    return Cleanup(
        problems=[f"{found.problem}, which has to delete {left}"], mend=f"; to have it deleted: {found.command}"
    )


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
