"""What the operator would apply next, found out with a person's own rights: by its own steps, up to the first change.

No registry is asked and nothing is fetched: images have the routes that the KotsApp's status shows, and sources outside
the cluster are as the operator fetched them last.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kotsapp.api.spec import Spec, SpecError, parse_spec
from kotsapp.apply.absent import without_definitions, without_namespaces
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.drift import Known, find_changes
from kotsapp.apply.inventory import Entry, Inventory
from kotsapp.apply.plan import Plan, PlanDigests
from kotsapp.apply.reader import LiveReader
from kotsapp.cli.errors import CommandError
from kotsapp.images.reference import parse
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.images.usage import InvalidImagesError, parse_used
from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import GroupKind
from kotsapp.license import License, TrustedKeys
from kotsapp.license import Policy as LicensePolicy
from kotsapp.names import NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION
from kotsapp.reconcile import known_secrets, release_store, routing, source_store
from kotsapp.reconcile.accounts import account_secrets
from kotsapp.reconcile.app import App
from kotsapp.reconcile.inputs import read_answers, read_license, read_sources, with_values
from kotsapp.reconcile.lookup_server import Looker
from kotsapp.reconcile.outcome import ReconcileError
from kotsapp.reconcile.plan import PlanError, PullSecretNameError, PullSecrets, make_plan
from kotsapp.reconcile.rendering import (
    RENDER_JOBS,
    Before,
    ReaderFor,
    render,
    render_for_routes,
    renderer_for,
    secret_name,
)
from kotsapp.reconcile.renderings import drawn_before, may_serve
from kotsapp.reconcile.services import Settings
from kotsapp.reconcile.source_report import describe, version_of
from kotsapp.reconcile.status import finished_workloads
from kotsapp.redact import current
from kotsapp.release.budget import for_sources
from kotsapp.release.config_result import ConfigIncompleteError
from kotsapp.release.jobs import Inputs
from kotsapp.release.process import InProcess
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import StoredReleaseError
from kotsapp.sources import newest
from kotsapp.sources.artifact import Artifact
from kotsapp.sources.asked_for import is_asked_for, wanted
from kotsapp.sources.errors import SourceContentError
from kotsapp.sources.kept import KeptSourceError
from kotsapp.text import listed
from kotsapp.verdicts.exemptions import classify
from kotsapp.verdicts.verdict import route_of

Object = Mapping[str, Any]
MAX_NAMED = 5
# What ends a reconciliation before anything is applied.
_STANDS_STILL = (
    ConfigIncompleteError,
    InvalidImagesError,
    KeptSourceError,
    PlanError,
    PullSecretNameError,
    ReconcileError,
    SourceContentError,
    SpecError,
    StoredReleaseError,
)


@dataclass(frozen=True, slots=True)
class Preview:
    """``due`` are objects to apply, ``left_over`` what is deleted then; ``notes`` say what the answer rests on."""

    app: App
    due: tuple[Object, ...]
    left_over: tuple[Entry, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """What the app is made from."""

    license: License = field(repr=False)
    files: Sequence[SourceFile]
    renderer: Renderer


async def preview(body: Object, client: KubeClient, keys: TrustedKeys, helm: Path | None) -> Preview:
    """Raises CommandError where the operator could not go on, either; ApiError for what this person may not read."""
    app = App.of(body)
    try:
        return await _Preview(app, body.get("status") or {}, client, keys, helm).made()
    except _STANDS_STILL as error:
        raise CommandError(f"KotsApp {app.name}: nothing would roll out: {error}") from None


async def _follow_nothing(_app: App, _references: frozenset[tuple[str, str]]) -> None:
    """Nobody is woken by what changes while one looks."""


@dataclass(frozen=True, slots=True)
class _Services:
    client: KubeClient
    keys: TrustedKeys
    settings: Settings
    follow: Callable[[App, frozenset[tuple[str, str]]], Awaitable[None]] = _follow_nothing


class _Preview:
    def __init__(
        self, app: App, status: Mapping[str, Any], client: KubeClient, keys: TrustedKeys, helm: Path | None
    ) -> None:
        self._app = app
        self._status = status
        self._client = client
        self._notes: list[str] = []
        self._inventory = Inventory.from_status(status.get("inventory") or ())
        self._cache = OwnedObjects((NAMESPACE_LABEL, NAME_LABEL), PRUNE_ANNOTATION, lambda _: None)
        # Whether a license is trusted is the operator's to say: nothing is done with it here.
        settings = Settings(license_policy=LicensePolicy.WARN, helm=helm)
        self._services = _Services(client, keys, settings)
        self._reader = InProcess(RENDER_JOBS)

    async def made(self) -> Preview:
        spec = parse_spec(self._app.spec)
        read = await self._read(spec)
        release, pulls, domains = await self._release(spec, read)
        plan = await self._plan(spec, read.license, release, pulls, domains)
        unwatched = frozenset(
            key.group_kind for key in (*plan.keys, *(e.key for e in self._inventory.entries.values()))
        )
        reader = LiveReader(self._client, self._cache, unwatched | {GroupKind("", "Secret")})
        if_absent = plan.if_absent
        plan = await without_namespaces(plan, self._client)
        plan = await without_definitions(plan, self._client, self._inventory, reader)
        known = Known(self._inventory, finished=finished_workloads(self._status))
        changes = await find_changes(plan, PlanDigests.of(plan, read.license.license_id.encode()), reader, known)
        left_over = self._inventory.left_over([*plan.keys, *if_absent]) if spec.prune else []
        return Preview(self._app, changes.due, tuple(left_over), tuple(self._notes))

    async def _read(self, spec: Spec) -> _Read:
        license = await read_license(self._app, spec, self._services)
        fetched: dict[str, Artifact] = {}
        if spec.remote:
            license, fetched = await self._kept(spec, license)
        current().learn("license", license.secrets())
        budget = for_sources()
        files = await read_sources(self._app, spec, self._services, fetched, budget)
        answers, read_from = await read_answers(self._app, spec, self._services, budget)
        current().learn("sources", known_secrets.of_sources([*with_values(files), *read_from]))
        version = version_of(spec, fetched)
        return _Read(
            license,
            files,
            renderer_for(self._app, spec, license, answers, version, self._services.settings.helm),
        )

    async def _kept(self, spec: Spec, license: License) -> tuple[License, dict[str, Artifact]]:
        """What the operator fetched last."""
        index = await source_store.load_index(self._app, self._client)
        missing = [item.name for item in spec.remote if item.name not in index]
        if missing:
            raise CommandError(f"the operator has not fetched {', '.join(missing)} yet: see kubectl kotsapp status")
        fetched = {
            item.name: await source_store.load(self._app, index[item.name], self._client) for item in spec.remote
        }
        self._notes.append("sources outside the cluster are as the operator fetched them last")
        if spec.follows_channel and newest.SLOT in index:
            kept = await source_store.load(self._app, index[newest.SLOT], self._client)
            found = newest.read(kept.content, license, newest.Trust(self._services.keys))
            license = found if found.license_sequence > license.license_sequence else license
        channel = license.settings.get("channelID", "")
        for item in spec.remote:
            if not is_asked_for(item, fetched[item.name], channel):
                there = describe(item, fetched[item.name])
                raise CommandError(
                    f"{wanted(item)} is asked for, and the operator has {there}: what would change is not known before"
                    " it is fetched, see kubectl kotsapp status"
                )
        return license, fetched

    async def _release(self, spec: Spec, read: _Read) -> tuple[Release, dict[str, Pull], Domains]:
        """The stored rendering, or a new one where an input has changed, as in the operator (DESIGN 6.5)."""
        renderer, inputs = read.renderer, read.renderer.inputs(read.files)
        reader = ReaderFor(self._reader, self._app.tenant, inputs)
        newest = await release_store.newest(self._app, self._client)
        stored = await release_store.load(self._app, newest, self._client, reader.stored) if newest else None
        if stored is not None and may_serve(self._app, stored, renderer):
            content = renderer.inputs_of((await reader.content(read.files)).digest)
            if inputs == stored.inputs or content == stored.content_inputs:
                pulls, domains = self._pulls(spec, read, stored.release)
                if _local(stored.release, pulls) == stored.local_images:
                    return stored.release, pulls, domains
        if stored is not None:
            self._notes.append("an input of the release has changed, so it is rendered anew: what is drawn may differ")
        before = Before(release_store.past_of(stored, self._inventory, lost=False), self._looker)

        async def routed(rendered: Release) -> tuple[dict[str, Pull], Domains]:
            return self._pulls(spec, read, rendered)

        release, (pulls, domains), _ = await render_for_routes(
            Inputs(renderer, read.files, kept=drawn_before(self._app, stored)),
            lambda given: render(given, reader, before, self._client),
            routed,
            lambda rendered, found: _local(rendered, found[0]),
        )
        return release, pulls, domains

    def _pulls(self, spec: Spec, read: _Read, release: Release) -> tuple[dict[str, Pull], Domains]:
        """Every image with the route that is known of it; those that nobody has looked at stay as they are written."""
        current().learn("release", known_secrets.of_release(release))
        references = parse_used(routing.used_in(release, spec).users)
        domains = read.renderer.domains(release.application).opening(references)
        in_status = {str(one.get("image")): one for one in self._status.get("images") or ()}
        pulls: dict[str, Pull] = {}
        unknown = []
        policy = routing.policy(self._app, spec, read.license, release, domains)
        for reference in references:
            verdict = classify(reference, domains, policy.exclude, public_images=policy.public_images)
            route = route_of(verdict) if verdict is not None else in_status.get(reference.written, {}).get("route")
            if route is None:
                unknown.append(reference.written)
                continue
            way = Route(route)
            pulls[reference.written] = Pull(
                pull_reference(reference, way, domains, read.license.app_slug), way.needs_secret
            )
        self._note_unknown(unknown)
        opened = [parse(pull.reference) for pull in pulls.values()]
        return pulls, domains.opening(opened)

    def _note_unknown(self, images: Sequence[str]) -> None:
        note = (
            f"no route is known of {listed(images, MAX_NAMED)}: shown as written, the operator asks before it applies"
        )
        if images and note not in self._notes:
            self._notes.append(note)

    async def _plan(
        self, spec: Spec, license: License, release: Release, pulls: Mapping[str, Pull], domains: Domains
    ) -> Plan:
        routed = [image for image, pull in pulls.items() if pull.needs_secret]
        kept = await account_secrets(self._app, release.objects, routed, spec.image_paths, frozenset(), self._services)
        secrets = PullSecrets(secret_name(spec, license), license.license_id, domains)
        return make_plan(release, pulls, secrets, self._app, spec, kept, self._services.settings.lent)

    async def _looker(self) -> Looker:
        """What charts look up, with this person's rights; without an account only the app's own objects."""
        return Looker(self._client, self._app.namespace, None if self._app.account else self._app.labels)


def _local(release: Release, pulls: Mapping[str, Pull]) -> dict[str, str]:
    return {image: pulls[image].reference if image in pulls else image for image in release.local_images}
