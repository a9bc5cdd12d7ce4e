"""What one reconciliation has found so far, and announcing it on the way."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kotsapp.api.conditions import Condition, progressing
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.kube.client import KubeClient
from kotsapp.reconcile import sources, status
from kotsapp.reconcile.app import App
from kotsapp.reconcile.events import Event
from kotsapp.reconcile.status import Findings, Status
from kotsapp.reconcile.status_writer import StatusWriter
from kotsapp.redact import Redactor
from kotsapp.release.reader import SourceFile
from kotsapp.sources.artifact import Artifact
from kotsapp.text import counted, rfc3339

# Before this nobody who waits has looked, and most changes whose images are known are applied.
ANNOUNCE_AFTER = 0.05


class Progress:
    """Gathers the results of the steps, and stores what has to be announced before the end."""

    def __init__(self, app: App, client: KubeClient, writer: StatusWriter) -> None:
        self.events: list[Event] = []
        self.ledger = Ledger(Inventory.from_status(writer.status.get("inventory") or ()), self._save)
        self.plan_size = 0
        self._app = app
        self._client = client
        self._writer = writer
        self._findings = Findings()
        self._change = ""
        self._ended = asyncio.Event()
        self._announcing: asyncio.Task[None] | None = None

    @property
    def before(self) -> Status:
        """The status as it was last written."""
        return self._writer.status

    @property
    def sources_changed(self) -> bool:
        """Whether the sources are others than those of the status that is there."""
        return bool(self._change)

    def found(self, *conditions: Condition, **findings: Any) -> None:
        """Take what a step found: fields of ``Findings``, and conditions beside those that are known."""
        known = self._findings
        obsolete = known.obsolete | findings.pop("obsolete", frozenset())
        self._findings = replace(known, **findings, obsolete=obsolete, conditions=(*known.conditions, *conditions))

    def answered(self, **answers: str) -> None:
        """Requests that were acted on, by the status field of each."""
        self.found(answered={**self._findings.answered, **answers})

    def status(self, *conditions: Condition) -> dict[str, Any]:
        """The whole status, with these conditions beside what was found."""
        findings = replace(self._findings, conditions=(*self._findings.conditions, *conditions))
        return status.build(self.before, findings, self.ledger.inventory, self._app.generation, rfc3339())

    async def announce(self, *conditions: Condition) -> None:
        """Store these conditions on the way, beside what was found so far."""
        async with self._writer.lock:
            await self._writer.write(self._app, self.status(*conditions), self._client)

    def note_sources(
        self, files: Sequence[SourceFile], digest_key: bytes, fetched: Mapping[str, Artifact], redactor: Redactor
    ) -> None:
        """Say at once that the inputs changed, so that nobody who waits passes on what was true of the old ones."""
        found = sources.revisions(files, digest_key, fetched)
        # As the status has them, with which they are compared.
        known = [{**source, "revision": redactor.text(source["revision"])} for source in found]
        changed = sources.changed(self.before, known)
        self.found(sources=known)
        if changed is not None:
            self._change = changed
            self._announcing = asyncio.create_task(self._announce_change(changed))

    async def end(self) -> None:
        """Nothing is announced on the way any more."""
        self._ended.set()
        if self._announcing is not None:
            await asyncio.gather(self._announcing, return_exceptions=True)

    async def _announce_change(self, changed: str) -> None:
        """Announce a change, unless all is done in a moment: then its result is enough."""
        try:
            async with asyncio.timeout(ANNOUNCE_AFTER):
                await self._ended.wait()
        except TimeoutError:
            await self.announce(*progressing(changed))

    async def _save(self, brings_new: bool) -> None:
        """Store the inventory; where there will be new objects, that the rollout goes on, too."""
        if brings_new or self._change:
            await self.announce(*progressing(f"applying {counted(self.plan_size, 'object')}"))
            return
        async with self._writer.lock:
            known = status.with_inventory(self.before, self.ledger.inventory)
            await self._writer.write(self._app, known, self._client)
