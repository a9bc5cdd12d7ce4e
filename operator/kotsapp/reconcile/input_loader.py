"""The step that brings together what an app is made from: its license, its files, and the answers to its Config."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from kotsapp.api.conditions import LICENSE_VALID, Reason, condition_in
from kotsapp.api.spec import SourceKind, Spec
from kotsapp.license import License
from kotsapp.license.facts import facts, to_status
from kotsapp.reconcile import events, known_secrets, status
from kotsapp.reconcile.app import App
from kotsapp.reconcile.inputs import (
    license_condition,
    read_answers,
    read_license,
    read_sources,
    refuse_expired,
    with_values,
)
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.remote_sources import RemoteSources
from kotsapp.reconcile.rendering import secret_name
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import Counted, Share
from kotsapp.reconcile.source_report import version_of
from kotsapp.release.budget import for_sources
from kotsapp.release.config_values import Answers
from kotsapp.release.context import ReleaseVersion
from kotsapp.release.reader import SourceFile

# With its name, title and value, none of which is long.
ENTITLEMENT_BYTES = 512


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an app is made from.

    ``same_license`` says that it is the one in the status, ``may_quote`` whether what the API server says
    may quote the release: not where a Secret holds an archive, since nobody knows which secrets are in there.
    """

    license: License
    files: list[SourceFile]
    answers: Answers
    version: ReleaseVersion
    same_license: bool
    may_quote: bool


class InputLoader:
    """Reads the inputs of one reconciliation, reports them, and has everything that they refer to watched."""

    def __init__(self, app: App, services: Services, memory: Memory, progress: Progress, share: Share) -> None:
        self._app = app
        self._share = share
        self._services = services
        self._memory = memory
        self._progress = progress

    async def load(self, spec: Spec) -> Loaded:
        """Raises ReconcileError for what is missing or can't be used, ApiError."""
        follow = self._services.follow
        await follow(self._app, spec.references)
        license = await read_license(self._app, spec, self._services)
        await self._learn("license", license.secrets())
        self._share.hold(weight_of(license))
        remote = RemoteSources(self._app, spec, self._services, self._memory, self._progress, self._share)
        license = await remote.newest_license(license)
        await self._learn("newest license", license.secrets())
        same_license = self._note_license(license)
        refuse_expired(license, spec.license)
        # Whoever has taken the pull secret's name may let go of it.
        await follow(self._app, references(spec, license))
        fetched = await remote.fetch(license)
        budget = Counted(for_sources(), self._share)
        files = await read_sources(self._app, spec, self._services, fetched, budget)
        answers, read_from = await read_answers(self._app, spec, self._services, budget)
        every = [*with_values(files), *read_from]
        await self._learn("sources", known_secrets.of_sources(every))
        self._progress.note_sources(every, license.license_id.encode(), fetched, self._memory.redactor)
        may_quote = not known_secrets.are_hidden(files)
        return Loaded(license, files, answers, version_of(spec, fetched), same_license, may_quote)

    async def _learn(self, origin: str, secrets: Iterable[str]) -> None:
        """In a thread, since there may be megabytes to go through. Raises LargerError."""
        redactor = self._memory.redactor
        await asyncio.to_thread(redactor.learn, origin, secrets)
        self._share.hold_secrets(redactor.size)

    def _note_license(self, license: License) -> bool:
        """Whether it is the one in the status."""
        before = self._progress.before
        known = {name: value for name, value in (before.get("license") or {}).items() if name != "hosts"}
        warned = (condition_in(before, LICENSE_VALID) or {}).get("reason") == Reason.LICENSE_EXPIRING_SOON
        self._progress.events += events.of_license(license, before.get("license") or {}, warned)
        hosts = (before.get("license") or {}).get("hosts")
        self._progress.found(license_condition(license), license={**to_status(facts(license)), "hosts": hosts})
        return known == status.reported_license(to_status(facts(license)))


def weight_of(license: License) -> int:
    """Bytes that a license takes up, with what is made of its entitlements: a Secret may hold one of a megabyte."""
    return sys.getsizeof(license.document) + len(license.entitlements) * ENTITLEMENT_BYTES


def references(spec: Spec, license: License) -> frozenset[tuple[str, str]]:
    """What the app names, and whatever has the pull secret's name."""
    return spec.references | {(SourceKind.SECRET, secret_name(spec, license))}
