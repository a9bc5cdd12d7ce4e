"""Deleting what an app applied: what has left its plan, and everything when the app itself goes."""

from collections.abc import Callable, Sequence

from kotsapp.apply.changes import Removal
from kotsapp.apply.deleter import Deleter
from kotsapp.apply.inventory import NEVER_PRUNED, Entry
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.ownership import Applicant
from kotsapp.apply.refusals import Refusal, RefusedError, StillThere
from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import ObjectKey

# The client that has the rights of an account; of the operator itself for an empty name.
ClientOf = Callable[[str], KubeClient]


class Pruner:
    """Deletes objects of one app, and takes them out of its inventory."""

    def __init__(self, applicant: Applicant, deleter: Deleter, client: KubeClient, client_of: ClientOf) -> None:
        self._applicant = applicant
        self._deleter = deleter
        self._client = client
        self._client_of = client_of

    async def delete(self, entries: Sequence[Entry], ledger: Ledger, *, lingers: bool = True) -> Removal:
        """Delete the objects of these entries, phase by phase; raises RefusedError.

        With the rights of the account that the app names now, else with those that applied each object: an app that
        names no account any more doesn't thereby have the operator's own rights over what an account applied. What
        may have to clean up after custom resources stays until they are gone, unless nothing ``lingers``.
        """
        deleted: list[ObjectKey] = []
        left: list[tuple[ObjectKey, str]] = []

        def done(entry: Entry, reason: str | None) -> None:
            ledger.removed(entry)
            if reason is None:
                deleted.append(entry.key)
            else:
                left.append((entry.key, reason))

        def client_for(entry: Entry) -> KubeClient:
            return self._client_of(entry.account) if self._client.user is None else self._client

        within = []
        for entry in entries:
            if self._client.user is None and self._is_beyond(entry):
                done(entry, "the operator's own rights delete nothing outside the KotsApp's namespace")
            else:
                within.append(entry)
        refusals: list[Refusal] = []
        for phase in sorted({entry.deletion_phase for entry in within}):
            members = [entry for entry in within if entry.deletion_phase == phase]
            try:
                await self._deleter.delete(members, self._applicant.marks, done, client_for, lingers=lingers)
            except RefusedError as error:
                refusals += error.refusals
                if any(isinstance(refusal, StillThere) for refusal in error.refusals):
                    break
        if refusals:
            raise RefusedError(refusals)
        return Removal(tuple(sorted(deleted)), tuple(sorted(left)))

    def _is_beyond(self, entry: Entry) -> bool:
        """Whether no account vouches for an object elsewhere: others may be able to write a status."""
        elsewhere = entry.key.namespace != self._applicant.owner.namespace
        return not entry.account and elsewhere and entry.key.group_kind not in NEVER_PRUNED
