"""Sources outside the cluster in one reconciliation: when they are looked at, what is kept, what is used meanwhile.

They are looked at every ``spec.interval``, and at once when the KotsApp or its license changes and when somebody asks
(kotsapp.dev/requestedAt). What came last is kept, so that a source that is down changes nothing: condition SourcesReady
says so, and Ready is left to what runs, unless another version is asked for by now (DESIGN 6.1, 9).
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from kotsapp.api.conditions import READY, SOURCES_READY, condition_in
from kotsapp.api.spec import Spec
from kotsapp.backoff import Backoff
from kotsapp.kube.errors import ApiError
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError
from kotsapp.reconcile import known_secrets, source_report
from kotsapp.reconcile.app import App
from kotsapp.reconcile.kept_artifacts import KeptArtifacts, at_hand
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.reading_slot import reading
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import LargerError, Share
from kotsapp.reconcile.source_access import access_for, channel_domains, read_logins
from kotsapp.release.files import SourceFile
from kotsapp.release.jobs import Unpacked
from kotsapp.release.process import Job, ReaderDiedError
from kotsapp.sources import newest
from kotsapp.sources.artifact import Access, Artifact, Known, Seen
from kotsapp.sources.channel import ReleaseFacts
from kotsapp.sources.errors import SourceContentError, SourceError
from kotsapp.sources.items import ChannelRelease, RemoteItem

# After a failure that passes by itself; never longer than the interval.
FIRST_RETRY = 15.0
# Many apps that an operator took up at one moment must not look at one moment for ever.
EARLY = 0.1


@dataclass(slots=True)
class _Looks:
    """What came of looking at each source: what is to be used of it, by its name; of a channel which releases there
    are, None where nobody asked; and the revision that has to be Ready before the next one, empty for none."""

    artifacts: dict[str, Artifact]
    available: tuple[Mapping[str, Any], ...] | None = None
    awaited: str = ""


class RemoteSources:
    """The looks of one reconciliation, for an app whose spec has sources outside the cluster."""

    def __init__(
        self, app: App, spec: Spec, services: Services, memory: Memory, progress: Progress, share: Share
    ) -> None:
        self._app = app
        self._spec = spec
        self._services = services
        self._memory = memory.sources
        self._progress = progress
        self._share = share
        self._trust = newest.Trust(services.keys, services.settings.license_versions)
        self._looking = False
        self._problems: dict[str, SourceError] = {}
        self._redactor = memory.redactor
        self._logins: Mapping[str, bytes | None] = {}
        self._channels: tuple[str, ...] = ()
        self._kept = KeptArtifacts(app, services.client, memory.sources)

    async def newest_license(self, given: License) -> License:
        """The license that is used: a newer form of the given one, where there is one. Raises ApiError."""
        if not self._spec.remote:
            return given
        memory, now = self._memory, asyncio.get_running_loop().time()
        self._logins = await read_logins(self._app, self._spec, self._services, self._share)
        # In a thread, since each may be a megabyte.
        await asyncio.to_thread(self._redactor.learn, "logins", known_secrets.of_logins(self._logins.values()))
        asked = (self._app.generation, _fingerprint(given, self._logins))
        self._looking = memory.ask_now or memory.asked != asked or now >= memory.due
        if self._looking:
            memory.asked, memory.ask_now = asked, False
            memory.due = now + self._spec.interval * random.uniform(1 - EARLY, 1.0)  # noqa: S311 - guards nothing
        await self._kept.load()
        if not self._spec.follows_channel:
            return given
        best = await self._kept_license(given)
        if not self._looking:
            return best
        try:
            async with self._slot():
                found = await self._services.fetcher.newest_license(best, self._trust)
            license = await asyncio.to_thread(newest.read, found.content, given, self._trust)
        except SourceError as error:
            self._problems[newest.SLOT] = error
            return best
        if license.license_sequence > best.license_sequence:
            memory.artifacts[newest.SLOT] = found
            best = license
        return best

    async def fetch(self, license: License) -> dict[str, Artifact]:
        """What each source holds, by its name: just fetched, or kept. Raises ReconcileError where there is nothing,
        ApiError."""
        if not self._spec.remote:
            await self._forget()
            return {}
        memory, opened_by = self._memory, opener(license)
        looks = await self._look_at_each(license, opened_by)
        try:
            await self._kept.keep(looks.artifacts, opened_by)
        except ApiError:
            memory.ask_now |= self._looking  # what was fetched is lost
            raise
        usable = {name: artifact for name, artifact in looks.artifacts.items() if artifact.content}
        if self._looking:
            memory.problems, memory.awaits_ready = self._problems, looks.awaited
            self._plan_next()
            self._progress.found(available=looks.available)
        memory.artifacts = at_hand(usable, partial(self._services.shares.keep, self._app.tenant))
        self._report(usable, license.settings.get("channelID", ""))
        return usable

    async def _look_at_each(self, license: License, opened_by: str) -> "_Looks":
        """One source after the other; raises ReconcileError for more than can be read, LargerError and ApiError."""
        memory = self._memory
        artifacts = {name: one for name, one in memory.artifacts.items() if name == newest.SLOT}
        looks = _Looks(artifacts)
        # What the channel's release came with says where the license may be shown, too.
        for item in sorted(self._spec.remote, key=lambda item: not isinstance(item, ChannelRelease)):
            known = await self._known(item, opened_by)
            if known is not None:
                self._hold(len(known.artifact.content))
            self._channels = channel_domains(self._spec, artifacts)
            seen = await self._seen(item, license, known)
            used = seen or known
            if used is not None:
                artifacts[item.name] = used.artifact
                source_report.refuse_too_large(artifacts)
            if seen is None or item.name in self._problems or not self._looking:
                continue
            looks.available = (*(looks.available or ()), *seen.available)
            looks.awaited = seen.artifact.revision if seen.awaits_ready else looks.awaited
            if known is None or known.artifact.revision != seen.artifact.revision:
                memory.rolling_out = source_report.describe(item, seen.artifact)
                memory.found.append(source_report.found(item, seen, known.artifact if known else None))
        return looks

    def _report(self, usable: Mapping[str, Artifact], channel: str) -> None:
        """Raises ReconcileError where something is missing."""
        left = self._memory.due - asyncio.get_running_loop().time()
        report = source_report.Report(self._spec.remote, usable, self._memory.problems, left, channel)
        self._progress.events += report.events(self._progress.before)
        self._progress.found(report.condition())

    def _hold(self, size: int) -> None:
        """Count content as soon as it is there, before anybody is waited for: sixty sources may be of 16 MiB each.
        Raises LargerError."""
        try:
            self._share.hold(size)
        except LargerError:
            self._memory.ask_now |= self._looking  # what was fetched is lost
            raise

    async def _forget(self) -> None:
        """Keep nothing of sources that the spec no longer has."""
        self._memory.due, self._memory.awaits_ready = inf, ""
        self._progress.found(version={}, available=(), obsolete=frozenset({SOURCES_READY}))
        if condition_in(self._progress.before, SOURCES_READY) is not None:
            await self._kept.forget()

    async def _seen(self, item: RemoteItem, license: License, known: Known | None) -> Seen | None:
        """None when there is nothing to use: the look failed, and nothing is kept, either."""
        usable = known is not None and bool(known.artifact.content)
        if not self._looking:
            if known is not None and usable:
                return Seen(known.artifact)
            if item.name in self._memory.problems:
                return None  # asked again when it is due, however often the app is woken
            self._looking = True
        try:
            async with self._slot():
                access = access_for(self._app, self._spec, license, item, self._logins, self._channels)
                seen = await self._look(item, access, known)
            if known is None or seen.artifact.digest != known.artifact.digest:
                await self._check(item, seen.artifact)
        except SourceError as error:
            self._problems[item.name] = error
            return Seen(known.artifact) if known is not None and usable else None
        return seen

    async def _look(self, item: RemoteItem, access: Access, known: Known | None) -> Seen:
        seen = await self._services.fetcher.look(item, access, known)
        if known is None or seen.artifact is not known.artifact:
            size = len(seen.artifact.content)
            try:
                self._hold(size)
            except LargerError:
                del seen  # which the error would keep for as long as a slot is waited for
                raise
        return seen

    async def _check(self, item: RemoteItem, artifact: Artifact) -> None:
        """Raises SourceContentError for an archive that is damaged: it must not take the place of one that isn't."""
        file, what = SourceFile(item.name, artifact.file_name, artifact.content), source_report.describe(item, artifact)
        try:
            async with reading(self._app, self._services, self._progress):
                job = Job("unpack", (file,), Unpacked)
                await self._services.reader.run(job, tenant=self._app.tenant, fingerprint=artifact.digest)
        except ManifestError as error:
            raise SourceContentError(f"{what} {error.problem}; ask the vendor") from None
        except ReaderDiedError as error:
            raise SourceContentError(f"{what} can't be unpacked: {error}; ask the vendor") from None

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self._services.limiter.waiting(self._app.tenant), self._services.fetcher.slot(self._app.tenant):
            yield

    async def _kept_license(self, given: License) -> License:
        artifact = await self._kept.get(newest.SLOT, opener(given))
        self._memory.artifacts.pop(newest.SLOT, None)
        if artifact is None or not artifact.content:
            return given
        try:
            found = await asyncio.to_thread(newest.read, artifact.content, given, self._trust)
        except SourceContentError:
            return given
        if found.license_sequence <= given.license_sequence:
            return given
        self._memory.artifacts[newest.SLOT] = artifact
        return found

    async def _known(self, item: RemoteItem, opened_by: str) -> Known | None:
        artifact = await self._kept.get(item.name, opened_by)
        return None if artifact is None else Known(artifact, self._is_ready(item, artifact))

    def _is_ready(self, item: RemoteItem, artifact: Artifact) -> bool:
        before = self._progress.before
        if self._memory.was_ready == artifact.revision:
            return True  # Ready itself says that the next one follows, or can't be had
        if (condition_in(before, READY) or {}).get("status") != "True":
            return False
        rolled_out = (before.get("release") or {}).get("channelSequence")
        is_release = isinstance(item, ChannelRelease)
        return not is_release or bool(rolled_out == ReleaseFacts.of(artifact.facts).channel_sequence)

    def _plan_next(self) -> None:
        """When to look again: sooner after a failure that passes, but no sooner than a server asked for."""
        memory = self._memory
        if not any(error.passes for error in self._problems.values()):
            memory.failures = 0
            return
        memory.failures += 1
        wait = Backoff(FIRST_RETRY, self._spec.interval, 0.2).after(memory.failures)
        wishes = [error.retry_after for error in self._problems.values() if error.retry_after is not None]
        memory.due = asyncio.get_running_loop().time() + max([wait, *wishes])


def _fingerprint(license: License, logins: Mapping[str, bytes | None]) -> bytes:
    """Of what opens sources: when it changes they are looked at."""
    found = hashlib.sha256(license.document.encode())
    for name, content in logins.items():
        found.update(repr((name, content)).encode())
    return found.digest()


def opener(license: License) -> str:
    """What identifies the license with which something was fetched; the id can't be read from it."""
    return hashlib.sha256(f"{license.app_slug}\0{license.license_id}".encode()).hexdigest()
