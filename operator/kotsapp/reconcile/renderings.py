"""One rendering a release (DESIGN 6.5): the one that is kept, whether its inputs are what they were, a new one."""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import replace

from kotsapp.api.conditions import Reason
from kotsapp.manifests.errors import ManifestError
from kotsapp.names import RENDER_ANNOTATION, RENDER_ANSWER
from kotsapp.reconcile import events, release_store
from kotsapp.reconcile.app import App
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.outcome import UNWATCHED_POLL, retryable, terminal
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.reading_slot import reading
from kotsapp.reconcile.release_store import Revision
from kotsapp.reconcile.rendering import Before, ReaderFor, after_death, died, refuse_deadly, render
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import Share, Size
from kotsapp.reconcile.status import FAILED_READS, stored_revision
from kotsapp.release import store
from kotsapp.release.deaths import Deaths
from kotsapp.release.filling import Drawn
from kotsapp.release.jobs import Inputs
from kotsapp.release.process import ReaderDiedError, ReaderUnavailableError
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import StoredRelease, StoredReleaseError

# Seconds between new renderings that are asked for: each takes a reader, and helm, which all apps share.
MIN_RERENDER = 5.0


def drawn_before(app: App, stored: StoredRelease | None) -> Drawn:
    """What was drawn before. Who asks for a new rendering wants what manifests draw anew, and keeps the values of the
    Config's items: they are answers that nobody had to give."""
    if stored is None:
        return Drawn()
    drawn = stored.release.drawn
    return Drawn(drawn.items) if _is_asked_for(app, stored) else drawn


def may_serve(app: App, stored: StoredRelease, renderer: Renderer) -> bool:
    """Whether the stored release is as a new rendering of the same files would be, and nobody asks for a new one."""
    return (
        not _is_asked_for(app, stored)
        and stored.looked_up_as in (None, app.account)
        and stored.facts == renderer.license_facts(stored.release)
    )


def _is_asked_for(app: App, stored: StoredRelease) -> bool:
    return bool(app.render_at) and app.render_at != stored.request


class Renderings:
    """The renderings of one app's release, for one reconciliation.

    ``deferred`` are the seconds until a request for a new rendering that came too early is acted on, 0 without one.
    """

    def __init__(self, app: App, services: Services, memory: Memory, progress: Progress, share: Share) -> None:
        self._app = app
        self._services = services
        self._memory = memory
        self._progress = progress
        self._share = share
        self._now = asyncio.get_running_loop().time()
        self._early = memory.rerendered_at + MIN_RERENDER - self._now
        self._unpacked: StoredRelease | None = None
        self._loaded: Revision | None = None
        self._used: StoredRelease | None = None
        self.deferred = 0.0

    async def stored(self) -> StoredRelease | None:
        """The release as it was rendered last; None when there is none, or a new rendering is asked for."""
        if self._memory.release is not None:
            return self._memory.release
        if self._memory.at_hand is not None and self._memory.at_hand_of is None:
            return await self._unpack(self._memory.at_hand)
        before = self._progress.before
        if before.get("observedGeneration") and not stored_revision(before):
            return None  # nothing of it has to be kept
        client = self._services.client
        self._loaded = await release_store.newest(self._app, client)
        if self._loaded is None:
            return None
        if self._memory.at_hand is not None and self._memory.at_hand_of == self._loaded:
            return await self._unpack(self._memory.at_hand)
        try:
            async with reading(self._app, self._services, self._progress):
                reader = self._reader(f"stored-{self._app.uid}")
                return await release_store.load(self._app, self._loaded, client, reader.stored)
        except ReaderUnavailableError as error:
            raise retryable(Reason.RENDER_FAILED, str(error)) from None
        except StoredReleaseError as error:
            if self._app.render_at and before.get(RENDER_ANSWER) != self._app.render_at:
                return None
            message = (
                f"the stored release can't be used: {error}. A new rendering would draw new passwords, so nothing rolls"
                f" out: put it back, or ask for a new rendering with: kubectl annotate kotsapp {self._app.name}"
                f' --namespace {self._app.namespace} --overwrite {RENDER_ANNOTATION}="$(date)"'
            )
            raise terminal(Reason.RENDER_FAILED, message, retry_after=UNWATCHED_POLL) from None

    async def _unpack(self, content: bytes) -> StoredRelease:
        """A reader, which would read the same once more, is a process."""
        self._unpacked = await asyncio.to_thread(store.unpacked, content)
        return self._unpacked

    def timely(self, stored: StoredRelease | None) -> App:
        """The app; without a request for a new rendering that comes too soon after another one, which waits."""
        if stored is None or not _is_asked_for(self._app, stored) or self._early <= 0:
            return self._app
        self.deferred = self._early
        return replace(self._app, render_at=stored.request)

    async def current(
        self, stored: StoredRelease, inputs: str, renderer: Renderer, files: Sequence[SourceFile]
    ) -> StoredRelease | None:
        """The stored release, as one of these inputs, where nothing that it was rendered from has changed and nobody
        asks for a new rendering; else None."""
        app = self.timely(stored)
        if _is_asked_for(app, stored):
            self._memory.rerendered_at = self._now
        if not may_serve(app, stored, renderer):
            return None
        if stored.inputs == inputs:
            return stored
        if not stored.content_inputs or await self._content_inputs(renderer, files, inputs) != stored.content_inputs:
            return None
        return replace(stored, inputs=inputs)

    async def _content_inputs(self, renderer: Renderer, files: Sequence[SourceFile], digest: str) -> str:
        """Empty for files that can't be read: their rendering reports why."""
        reader = self._reader(digest)
        try:
            async with reading(self._app, self._services, self._progress):
                return renderer.inputs_of((await reader.content(files)).digest)
        except (ManifestError, ReaderDiedError, ReaderUnavailableError):
            return ""

    def _reader(self, digest: str) -> ReaderFor:
        return ReaderFor(self._services.reader, self._app.tenant, digest, self._is_suspect(), self._share)

    def last_revision(self, stored: StoredRelease | None) -> int:
        """Of what is stored, or was by the status; 0 for none."""
        return max(stored.revision if stored is not None else 0, stored_revision(self._progress.before))

    async def keep(self, stored: StoredRelease, *, kept: bool) -> None:
        """Keep it before anything rolls out: what was drawn must be there after a restart."""
        self._progress.events += events.of_release(stored.release.warnings)
        if not kept:
            self.note(replace(stored, revision=0))
        else:
            try:
                await release_store.save(self._app, stored, self._services.client)
            except StoredReleaseError as error:
                raise terminal(Reason.RENDER_FAILED, str(error)) from None
            self.note(stored)

    def note(self, stored: StoredRelease) -> None:
        """Tell of the release as it is used now."""
        self._used = stored
        kept = self._services.shares.keep(self._app.tenant, stored, self._share.held)
        self._memory.release = stored if kept else None
        found = stored.release.config
        self._progress.found(config=found.names() if found is not None else {})
        if stored.revision:
            shown = {"revision": stored.revision, "renderedAt": stored.rendered_at}
            self._progress.found(release=shown)
        if stored.request:  # also where nothing of the rendering had to be kept: somebody waits for the answer
            self._progress.answered(**{RENDER_ANSWER: stored.request})

    async def render(self, inputs: Inputs, before: Before, digest: str) -> Release:
        """Rendered in a process of its own; raises ReconcileError, too, when that died."""
        license = inputs.renderer.license
        # In the status, where nobody is to guess from it what a Secret holds.
        mark = hmac.new(license.license_id.encode() if license else b"", digest.encode(), "sha256").hexdigest()
        known = self._deaths()
        refuse_deadly(known, mark)
        reader = self._reader(digest)
        try:
            async with reading(self._app, self._services, self._progress):
                return await render(inputs, reader, before, self._services.client)
        except ReaderUnavailableError as error:
            raise retryable(Reason.RENDER_FAILED, str(error)) from None
        except ReaderDiedError as error:
            self._memory.deaths = after_death(known, mark, error)
            self._progress.found(failed_reads=self._memory.deaths.to_status())
            raise died(self._memory.deaths) from None

    async def rest(self) -> None:
        """Let go of the release; what is small stays packed: what is in Secrets, too, until somebody changes those."""
        used, self._used, self._memory.release = self._used, None, None
        if used is None or used is self._unpacked:
            return
        # What was just stored is looked at once more: it must be readable after a restart.
        known = not used.revision or (self._loaded is not None and used.revision == self._loaded.number)
        is_small = known and Size.of(self._share.held) is Size.SMALL
        self._memory.at_hand = await asyncio.to_thread(store.at_hand, used) if is_small else None
        self._memory.at_hand_of = self._loaded if used.revision else None

    def note_read(self) -> None:
        """The release is rendered, and all of its readers came to their end."""
        self._memory.deaths = None
        self._progress.found(failed_reads={})

    def _deaths(self) -> Deaths | None:
        """Those of the readers of this app's sources, also by an operator before this one."""
        return self._memory.deaths or Deaths.from_status(self._progress.before.get(FAILED_READS))

    def _is_suspect(self) -> bool:
        """Whether reading the app's sources did harm before, or was given up before a restart."""
        return self._deaths() is not None
