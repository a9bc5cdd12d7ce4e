"""One reconciliation of one KotsApp: its methods are the verbs of the data flow (docs/ARCHITECTURE.md)."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from kotsapp.api.conditions import (
    LICENSE_VALID,
    PULL_SECRET_READY,
    WORKLOADS_APPLIED,
    WORKLOADS_HEALTHY,
    Condition,
    Reason,
    condition_in,
    progressing,
)
from kotsapp.api.spec import SourceKind, Spec, SpecError, check_name, parse_spec
from kotsapp.apply.changes import ChangeSet, Removal
from kotsapp.apply.drift import Known
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.plan import Plan
from kotsapp.apply.reader import LiveReader
from kotsapp.apply.session import Cluster, Session, SessionOptions
from kotsapp.health.assess import Health, WorkloadState
from kotsapp.images.usage import InvalidImagesError, parse_used
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey, Owner
from kotsapp.license import License
from kotsapp.license.facts import facts, to_status
from kotsapp.names import API_VERSION, KIND, RENDER_ANNOTATION, RENDER_ANSWER
from kotsapp.pullsecret import USER_NAME
from kotsapp.reconcile import conclusion, events, known_secrets, release_store, routing, sources, status
from kotsapp.reconcile.accounts import SecretsOfAccounts, account_secrets
from kotsapp.reconcile.app import App
from kotsapp.reconcile.conclusion import Conclusion
from kotsapp.reconcile.health import check_health
from kotsapp.reconcile.impersonation import check_impersonation, client_of
from kotsapp.reconcile.inputs import read_answers, read_license, read_sources, refuse_expired
from kotsapp.reconcile.lookup_server import Looker
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.outcome import UNWATCHED_POLL, Outcome, ReconcileError, retryable, terminal
from kotsapp.reconcile.plan import PlanError, PullSecretNameError, PullSecrets, make_plan
from kotsapp.reconcile.rendering import (
    Before,
    ReaderFor,
    after_death,
    died,
    refuse_deadly,
    render,
    renderer_for,
    secret_name,
)
from kotsapp.reconcile.rollout import force_allowed, prune, pull_secrets_ready, roll_out
from kotsapp.reconcile.rollout_start import rollout_started
from kotsapp.reconcile.routing import ImagesResult
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.status import Findings
from kotsapp.reconcile.status_writer import StatusWriter
from kotsapp.reconcile.verdict_history import VerdictHistory
from kotsapp.registry.credential import Credential
from kotsapp.release import config
from kotsapp.release.calls import ConfigIncompleteError
from kotsapp.release.config_values import Answers
from kotsapp.release.filling import Drawn
from kotsapp.release.jobs import Inputs
from kotsapp.release.process import ReaderDiedError
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import StoredRelease, StoredReleaseError, is_kept
from kotsapp.text import counted, rfc3339
from kotsapp.verdicts.resolver import resolve_all

# Before this nobody who waits has looked, and most changes whose images are known are applied.
TELL_AFTER = 0.05
# Pods that were just made have nothing to tell yet.
POD_GRACE = 1.5


class Reconciler:
    """Brings the app to what its spec asks for. Made anew for each reconciliation."""

    def __init__(self, app: App, services: Services, memory: Memory, writer: StatusWriter) -> None:
        self._app = app
        self._services = services
        self._memory = memory
        self._writer = writer
        self._findings = Findings()
        self._events: list[events.Event] = []
        self._plan_size = 0
        self._change = ""
        self._ended = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None
        self._ledger = Ledger(Inventory.from_status(writer.status.get("inventory") or ()), self._save)

    async def reconcile(self) -> Outcome:
        """Reconcile once; never raises for bad input."""
        if self._app.suspended:
            before = self._writer.status
            now = status.suspended(before, self._app.generation, rfc3339())
            return Outcome(now, None, events=tuple(events.of_suspension(before, now)))
        self._events += events.of_resumption(self._writer.status)
        asked = status.is_unanswered(self._writer.status, self._app.requested)
        if asked:
            self._events.append(events.of_request(self._app.requested, self._writer.status))
        self._memory.refresh |= asked
        try:
            end = await self._reconcile()
            conditions, wake_after, backoff = end.conditions, end.wake_after, False
        except (ReconcileError, ApiError) as error:
            self._memory.release = None  # megabytes, which nobody looks at while the app stands still
            ended = error if isinstance(error, ReconcileError) else _of_api_error(self._app, error)
            conditions, wake_after, backoff = tuple(ended.conditions), ended.retry_after, ended.backoff
        finally:
            self._ended.set()
            if self._telling is not None:
                await asyncio.gather(self._telling, return_exceptions=True)
        if asked:  # with whatever came of it: somebody waits for the answer
            self._findings = replace(self._findings, answered={**self._findings.answered, **self._app.requested})
        self._found(*conditions)
        return Outcome(self._status(), wake_after, backoff, tuple(self._events))

    async def announce(self, *conditions: Condition) -> None:
        """Store these conditions on the way, beside what was found so far."""
        async with self._writer.lock:
            await self._writer.write(self._app, self._status(*conditions), self._services.client)

    async def _reconcile(self) -> Conclusion:
        spec = self._read_spec()
        license, files, answers = await self._load(spec)
        renderer = renderer_for(self._app, spec, license, answers, self._services.settings.helm)
        release, images = await self._render_and_route(spec, license, renderer, files)
        kept = await self._account_secrets(spec, license, release, images)
        plan = self._plan(spec, license, release, images, kept)
        done = await self._roll_out(spec, license, plan)
        self._note_applied(done, release)
        healths = await self._check_health(plan, done)
        if done.contested is not None:
            raise conclusion.contested(done.contested)
        return self._conclude(spec, license, images, healths, done)

    def _read_spec(self) -> Spec:
        try:
            check_name(self._app.name)
            return parse_spec(self._app.spec)
        except SpecError as error:
            raise terminal(Reason.INVALID_SPEC, str(error)) from None

    async def _load(self, spec: Spec) -> tuple[License, list[SourceFile], Answers]:
        follow = self._services.follow
        await follow(self._app, spec.references)
        license = await read_license(self._app, spec, self._services)
        self._memory.redactor.learn("license", license.secrets())
        self._note_license(license)
        refuse_expired(license, spec.license)
        # Whoever has taken the pull secret's name may let go of it.
        await follow(self._app, _references(spec, license))
        files = await read_sources(self._app, spec, self._services)
        answers, read_from = await read_answers(self._app, spec, self._services)
        self._memory.redactor.learn("sources", known_secrets.of_sources([*files, *read_from]))
        self._note_sources([*files, *read_from], license)
        return license, files, answers

    def _note_sources(self, files: Sequence[SourceFile], license: License) -> None:
        """Say at once that the inputs changed, so that nobody who waits passes on what was true of the old ones."""
        known = sources.revisions(files, license.license_id.encode())
        changed = sources.changed(self._writer.status, known)
        self._findings = replace(self._findings, sources=known)
        if changed is not None:
            self._change = changed
            self._telling = asyncio.create_task(self._tell_change(changed))

    async def _tell_change(self, changed: str) -> None:
        """A change that is done with in a moment is told by what came of it."""
        try:
            async with asyncio.timeout(TELL_AFTER):
                await self._ended.wait()
        except TimeoutError:
            await self.announce(*progressing(changed))

    async def _render_and_route(
        self, spec: Spec, license: License, renderer: Renderer, files: Sequence[SourceFile]
    ) -> tuple[Release, ImagesResult]:
        """The release and its images; rendered anew only where one of its inputs has changed (DESIGN 6.5)."""
        inputs = renderer.inputs(files)
        stored = await self._stored_release()
        if stored is not None and self._is_current(stored, inputs, renderer):
            self._note_secrets(stored.release, license)
            images = await self._route(spec, license, renderer, stored.release)
            if _local_images(stored.release, images) == stored.local_images:
                self._note_release(stored)
                return stored.release, images
        kept = self._kept(stored)
        lost = stored is None and bool(self._writer.status.get("release"))
        before = Before(release_store.past_of(stored, self._ledger.inventory, lost=lost), self._looker)
        try:
            release = await self._render(Inputs(renderer, files, {}, kept), before, inputs)
        except ConfigIncompleteError as error:
            self._findings = replace(self._findings, config=error.result.names())
            raise terminal(Reason.CONFIG_INCOMPLETE, config.problems_told(error.problems)) from None
        self._note_secrets(release, license)
        images = await self._route(spec, license, renderer, release)
        answers = _local_images(release, images)
        if any(image != reference for image, reference in answers.items()):
            release = await self._render(Inputs(renderer, files, answers, release.drawn), before, inputs)
            self._note_secrets(release, license)
            images = await self._route(spec, license, renderer, release)
        self._memory.deaths = None  # not before: the second rendering may be the one that a reader dies of
        await self._store_release(
            StoredRelease(
                revision=self._last_revision(stored) + 1,
                inputs=inputs,
                rendered_at=rfc3339(),
                release=replace(release, charts=(), filler=None),
                facts=renderer.license_facts(release),
                local_images=answers,
                request=self._app.render_at,
                charts=release_store.records(release.charts),
                looked_up_as=self._app.account if any(chart.looks_up for chart in release.charts) else None,
            ),
            kept=is_kept(release),
        )
        return release, images

    def _note_secrets(self, release: Release, license: License) -> None:
        """Know what may be in no message. Raises ReconcileError for an object whose very name tells the license id."""
        self._memory.redactor.learn("release", known_secrets.of_release(release))
        if problem := known_secrets.named_after(license, release):
            raise terminal(Reason.INVALID_MANIFEST, problem)

    async def _stored_release(self) -> StoredRelease | None:
        """The release as it was rendered last; None when there is none, or a new rendering is asked for."""
        if self._memory.release is not None:
            return self._memory.release
        before = self._writer.status
        if before.get("observedGeneration") and not before.get("release"):
            return None  # nothing of it has to be kept
        try:
            return await release_store.load(self._app, self._services.client)
        except StoredReleaseError as error:
            if self._app.render_at and before.get(RENDER_ANSWER) != self._app.render_at:
                return None
            message = (
                f"the stored release can't be used: {error}. A new rendering would draw new passwords, so nothing rolls"
                f" out: put it back, or ask for a new rendering with: kubectl annotate kotsapp {self._app.name}"
                f' --namespace {self._app.namespace} --overwrite {RENDER_ANNOTATION}="$(date)"'
            )
            raise terminal(Reason.RENDER_FAILED, message, retry_after=UNWATCHED_POLL) from None

    def _kept(self, stored: StoredRelease | None) -> Drawn:
        """What was drawn before. Who asks for a new rendering wants what manifests draw anew, and keeps the values of
        the Config's items: they are answers that nobody had to give."""
        if stored is None:
            return Drawn()
        drawn = stored.release.drawn
        return Drawn(drawn.items) if self._is_asked_for(stored) else drawn

    def _is_asked_for(self, stored: StoredRelease) -> bool:
        return bool(self._app.render_at) and self._app.render_at != stored.request

    def _is_current(self, stored: StoredRelease, inputs: str, renderer: Renderer) -> bool:
        return (
            not self._is_asked_for(stored)
            and stored.inputs == inputs
            and stored.looked_up_as in (None, self._app.account)
            and stored.facts == renderer.license_facts(stored.release)
        )

    def _last_revision(self, stored: StoredRelease | None) -> int:
        told = (self._writer.status.get("release") or {}).get("revision")
        return max(stored.revision if stored is not None else 0, told if isinstance(told, int) else 0)

    async def _store_release(self, stored: StoredRelease, *, kept: bool) -> None:
        """Keep it before anything rolls out: what was drawn must be there after a restart."""
        self._events += events.of_release(stored.release.warnings)
        if not kept:
            self._note_release(replace(stored, revision=0))
        else:
            try:
                await release_store.save(self._app, stored, self._services.client)
            except StoredReleaseError as error:
                raise terminal(Reason.RENDER_FAILED, str(error)) from None
            self._note_release(stored)

    def _note_release(self, stored: StoredRelease) -> None:
        self._memory.release = stored
        found = stored.release.config
        self._findings = replace(self._findings, config=found.names() if found is not None else {})
        if stored.revision:
            told = {"revision": stored.revision, "renderedAt": stored.rendered_at}
            self._findings = replace(self._findings, release=told)
        if stored.request:  # also where nothing of the rendering had to be kept: somebody waits for the answer
            answered = {**self._findings.answered, RENDER_ANSWER: stored.request}
            self._findings = replace(self._findings, answered=answered)

    async def _render(self, inputs: Inputs, before: Before, digest: str) -> Release:
        """Rendered in a process of its own; raises ReconcileError, too, when that died."""
        refuse_deadly(self._memory.deaths, digest)
        reader = ReaderFor(self._services.reader, self._app.namespace, digest, self._is_suspect())
        try:
            async with self._services.limiter.waiting():
                return await render(inputs, reader, before, self._services.client)
        except ReaderDiedError as error:
            self._memory.deaths = after_death(self._memory.deaths, digest, error)
            raise died(self._memory.deaths) from None

    def _is_suspect(self) -> bool:
        """Whether reading the app's sources did harm before, or was given up before a restart."""
        if self._memory.deaths is not None:
            return True
        conditions = self._writer.status.get("conditions") or ()
        return any(condition.get("reason") == Reason.TOO_EXPENSIVE for condition in conditions)

    async def _route(self, spec: Spec, license: License, renderer: Renderer, release: Release) -> ImagesResult:
        """Settle all images at once; raises ReconcileError while one holds the rollout back, or is no reference."""
        users = routing.users_in(release, spec)
        try:
            references = parse_used(users)
        except InvalidImagesError as error:
            raise routing.invalid(error) from None
        domains = renderer.domains(release.application).opening(references)
        before = self._writer.status
        history = self._memory.verdicts or VerdictHistory.of(before)
        refresh = self._memory.refresh
        if refresh:
            history = history.forgotten()
        self._memory.verdicts = history
        evidence = history.evidence(references, before, spec.probe.interval, refresh=refresh)
        async with self._services.limiter.waiting():
            routed = await resolve_all(
                self._services.prober,
                references,
                routing.policy(spec, license, release, domains),
                Credential(USER_NAME, license.license_id, domains.hosts),
                evidence,
            )
        self._memory.refresh = False
        self._memory.verdicts = history.noted(routed.settled)
        images = routing.result(routed, users, release, spec)
        self._findings = replace(self._findings, images=images.findings(), obsolete=images.obsolete())
        self._found(*images.conditions())
        if obstacle := images.obstacle():
            raise obstacle
        return images

    async def _account_secrets(
        self, spec: Spec, license: License, release: Release, images: ImagesResult
    ) -> SecretsOfAccounts:
        routed = [image for image, pull in images.pulls.items() if pull.needs_secret]
        watched = _references(spec, license)
        return await account_secrets(self._app, release.objects, routed, spec.image_paths, watched, self._services)

    def _plan(
        self, spec: Spec, license: License, release: Release, images: ImagesResult, kept: SecretsOfAccounts
    ) -> Plan:
        asked_for = release.asks_for_pull_secret
        secrets = PullSecrets(secret_name(spec, license), license.license_id, images.routing.domains, asked_for)
        try:
            return make_plan(release, images.pulls, secrets, self._app, spec, kept)
        except PlanError as error:
            condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, str(error))
            raise terminal(Reason.OBJECT_REFUSED, str(error), condition) from None
        except PullSecretNameError as error:
            condition = Condition.false(PULL_SECRET_READY, Reason.PULL_SECRET_CLASH, str(error))
            raise terminal(Reason.PULL_SECRET_CLASH, str(error), condition) from None

    async def _roll_out(self, spec: Spec, license: License, plan: Plan) -> ChangeSet:
        await self._check_impersonation()
        options = SessionOptions(license.license_id.encode(), force_allowed)
        finished = status.finished_workloads(self._writer.status)
        known = Known(self._ledger.inventory, self._memory.repairs, finished)
        session = Session(self._app.applicant, self._cluster(self._app.account), known, self._ledger, options)
        self._plan_size = len(plan.objects)
        changes, done = await roll_out(session, plan)
        self._memory.repairs = done.repairs
        if done.applied:
            self._memory.rollout_started = time.time()
        self._found(pull_secrets_ready(plan))
        removal = Removal()
        if spec.prune and not done.waiting:
            removal = await prune(session, changes)
        session.watch_only_own(plan)
        self._events += events.of_rollout(done, removal)
        return done

    async def _check_impersonation(self) -> None:
        account = self._app.account
        if account and self._memory.may_impersonate != account:
            await check_impersonation(self._app, account, self._services)
            self._memory.may_impersonate = account

    async def _looker(self) -> Looker:
        """As whom charts look up: as the app's account, or without one for the app's own objects alone."""
        await self._check_impersonation()
        account = self._app.account
        client = client_of(self._app, account, self._services)
        return Looker(client, self._app.namespace, None if account else self._app.labels)

    def _cluster(self, account: str) -> Cluster:
        services = self._services
        return Cluster(
            client=client_of(self._app, account, services),
            cache=services.cache,
            client_of=lambda name: client_of(self._app, name, services),
            holds=lambda owner, key: _holds(owner, key, services.client),
            by_namespace=bool(services.settings.namespaces),
            waiting=services.limiter.waiting,
        )

    async def _check_health(self, plan: Plan, changes: ChangeSet) -> dict[ObjectKey, Health]:
        client = client_of(self._app, self._app.account, self._services)
        reader = LiveReader(client, self._services.cache, changes.unwatched)
        present = [key for key in plan.keys if key not in changes.ended]
        before = status.workloads_told(self._writer.status, present)
        started = self._memory.rollout_started
        grace_over = started is None or time.time() - started >= POD_GRACE
        healths = await check_health(reader, present, before, look_at_pods=grace_over)
        ended = Health(WorkloadState.READY, "ended, and its time to live is over")
        healths |= dict.fromkeys(changes.ended, ended)
        self._findings = replace(self._findings, workloads=healths)
        return healths

    def _conclude(
        self,
        spec: Spec,
        license: License,
        images: ImagesResult,
        healths: Mapping[ObjectKey, Health],
        changes: ChangeSet,
    ) -> Conclusion:
        due = conclusion.next_look(spec, license, images, changes, datetime.now(UTC))
        now = time.time()
        if self._memory.rollout_started is None:
            before = condition_in(self._writer.status, WORKLOADS_HEALTHY)
            generation = self._app.generation
            self._memory.rollout_started = rollout_started(before, generation=generation, timeout=spec.timeout, now=now)
        elapsed = now - self._memory.rollout_started
        end = conclusion.conclude(
            spec, self._app.namespace, images, healths, elapsed, due, waiting=bool(changes.waiting)
        )
        if end.healthy:
            self._memory.rollout_started = None
            self._memory.release = None  # nothing to look at again soon
        return end

    def _note_license(self, license: License) -> None:
        before = self._writer.status
        warned = (condition_in(before, LICENSE_VALID) or {}).get("reason") == Reason.LICENSE_EXPIRING_SOON
        self._events += events.of_license(license, before.get("license") or {}, warned)
        self._findings = replace(self._findings, license=to_status(facts(license)))
        self._found(license_condition(license))

    def _note_applied(self, done: ChangeSet, release: Release) -> None:
        count = sum(bool(entry.digest) for entry in self._ledger.inventory.entries.values())
        self._found(conclusion.applied(count, release, done.waiting))

    def _found(self, *conditions: Condition) -> None:
        self._findings = replace(self._findings, conditions=(*self._findings.conditions, *conditions))

    def _status(self, *conditions: Condition) -> dict[str, Any]:
        findings = replace(self._findings, conditions=(*self._findings.conditions, *conditions))
        before, app = self._writer.status, self._app
        return status.build(before, findings, self._ledger.inventory, app.generation, rfc3339())

    async def _save(self, brings_new: bool) -> None:
        """Store the inventory; where there will be new objects, that the rollout goes on, too."""
        if brings_new or self._change:
            await self.announce(*progressing(f"applying {counted(self._plan_size, 'object')}"))
            return
        async with self._writer.lock:
            known = status.with_inventory(self._writer.status, self._ledger.inventory)
            await self._writer.write(self._app, known, self._services.client)


def _references(spec: Spec, license: License) -> frozenset[tuple[str, str]]:
    """What the app names, and whatever has the pull secret's name."""
    return spec.references | {(SourceKind.SECRET, secret_name(spec, license))}


def license_condition(license: License) -> Condition:
    """Whose license it is, what of it differs from what was signed, and that it ends soon."""
    message = f"license of {license.customer_name or 'the customer'} for {license.app_slug}"
    if license.differences:
        shown = ", ".join(license.differences[:10])
        message += f"; the document differs from what was signed in {shown}: the signed values are used"
    if license.warnings:
        message += "; " + "; ".join(license.warnings[:3])
    soon = events.ends_soon(license)
    if soon is None:
        return Condition.true(LICENSE_VALID, message)
    return Condition.true(LICENSE_VALID, f"{message}; {soon}", Reason.LICENSE_EXPIRING_SOON)


def _local_images(release: Release, images: ImagesResult) -> dict[str, str]:
    """What ``LocalImageName`` answers: from where pods pull the references that calls name."""
    return {image: images.pulls[image].reference for image in release.local_images}


async def _holds(owner: Owner, key: ObjectKey, client: KubeClient) -> bool:
    """Whether another KotsApp is there and has the object in its inventory."""
    app = await client.get(await client.resource_type(API_VERSION, KIND), owner.name, owner.namespace)
    if app is None:
        return False
    return Inventory.from_status((app.get("status") or {}).get("inventory") or ()).get(key) is not None


def _of_api_error(app: App, error: ApiError) -> ReconcileError:
    """What a request's failure means where no step knows better."""
    if error.status == HTTPStatus.FORBIDDEN and app.spec.get("serviceAccountName"):
        condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, str(error))
        return terminal(Reason.OBJECT_REFUSED, str(error), condition, retry_after=UNWATCHED_POLL)
    return retryable(Reason.API_UNAVAILABLE if error.transient else Reason.APPLY_FAILED, str(error))
