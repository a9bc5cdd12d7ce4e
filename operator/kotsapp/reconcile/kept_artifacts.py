"""What was fetched before, at hand or in the cluster, for the license that opened it (DESIGN 6.1)."""

import logging
from collections.abc import Callable, Mapping

from kotsapp.kube.client import KubeClient
from kotsapp.reconcile import source_store
from kotsapp.reconcile.app import App
from kotsapp.reconcile.memory import SourceMemory
from kotsapp.sources.artifact import Artifact
from kotsapp.sources.kept import Entry, KeptSourceError

logger = logging.getLogger(__name__)

# An app is looked at every few seconds while it rolls out, and many may roll out at once. Most releases are smaller;
# the largest, were they of many apps, would take all memory.
MAX_AT_HAND = 1024 * 1024


class KeptArtifacts:
    """Reads and writes what one app keeps, in one reconciliation. Everything raises ApiError.

    ``opened_by`` identifies the license with which something was fetched: it is used for no other.
    """

    def __init__(self, app: App, client: KubeClient, memory: SourceMemory) -> None:
        self._app = app
        self._client = client
        self._memory = memory
        self._lost: set[str] = set()

    async def load(self) -> None:
        """Know what is kept. To be called before anything else."""
        if self._memory.entries is None:
            self._memory.entries = await self._index()

    async def get(self, name: str, opened_by: str) -> Artifact | None:
        """What is kept of a source; without content where that is lost."""
        entry = (self._memory.entries or {}).get(name)
        known = self._memory.artifacts.get(name)
        if entry is None or entry.opened_by != opened_by:
            return None
        if known is not None and known.digest == entry.digest:
            return known
        try:
            return await source_store.load(self._app, entry, self._client)
        except KeptSourceError as error:
            logger.warning("%s: what was fetched before can't be used, fetched anew: %s", self._app.key, error)
            self._lost.add(name)
            return entry.artifact(b"")

    async def keep(self, artifacts: Mapping[str, Artifact], opened_by: str) -> None:
        """Keep these, by their sources' names, and nothing else; of what was lost and could not be fetched again, that
        it was there."""
        before = self._memory.entries or {}
        stay: dict[str, Entry] = {}
        new: dict[str, tuple[Artifact, str]] = {}
        for name, artifact in artifacts.items():
            known = before.get(name)
            same = known is not None and known.opened_by == opened_by and known.artifact(artifact.content) == artifact
            if known is not None and same and not (name in self._lost and artifact.content):
                stay[name] = known
            else:
                new[name] = (artifact, opened_by)
        self._memory.entries = await source_store.save(self._app, before, stay, new, self._client)

    async def forget(self) -> None:
        """Keep nothing any more."""
        await source_store.save(self._app, await self._index(), {}, {}, self._client)
        self._memory.entries = None

    async def _index(self) -> dict[str, Entry]:
        try:
            return await source_store.load_index(self._app, self._client)
        except KeptSourceError as error:
            logger.warning("%s: what was fetched before can't be used, fetched anew: %s", self._app.key, error)
            return {}


def at_hand(artifacts: Mapping[str, Artifact], keep: Callable[[object, int], bool]) -> dict[str, Artifact]:
    """Those whose content stays in memory while the app rolls out; the others are read anew at each look. ``keep`` says
    whether there is room for an object of so many bytes."""
    small = {name: artifact for name, artifact in artifacts.items() if len(artifact.content) <= MAX_AT_HAND}
    return {name: artifact for name, artifact in small.items() if keep(artifact, len(artifact.content))}
