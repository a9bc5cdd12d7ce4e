"""One reconciliation of one KotsApp: its methods are the verbs of the data flow (docs/ARCHITECTURE.md)."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from kotsapp.api.conditions import (
    PULL_SECRET_READY,
    WORKLOADS_APPLIED,
    WORKLOADS_HEALTHY,
    Condition,
    Reason,
    condition_in,
)
from kotsapp.api.spec import Spec, SpecError, check_name, parse_spec
from kotsapp.apply.changes import ChangeSet, Removal
from kotsapp.apply.drift import Known
from kotsapp.apply.plan import Plan
from kotsapp.apply.reader import LiveReader
from kotsapp.apply.session import Session, SessionOptions
from kotsapp.health.assess import Health, WorkloadState
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey
from kotsapp.license import License
from kotsapp.reconcile import awaited_release, conclusion, events, status
from kotsapp.reconcile.accounts import SecretsOfAccounts, account_secrets
from kotsapp.reconcile.app import App
from kotsapp.reconcile.cluster import cluster_for, looker_for
from kotsapp.reconcile.conclusion import Conclusion, soonest
from kotsapp.reconcile.health import check_health
from kotsapp.reconcile.image_routing import ImageRouting
from kotsapp.reconcile.impersonation import check_impersonation, client_of
from kotsapp.reconcile.input_loader import InputLoader, Loaded, references
from kotsapp.reconcile.lookup_server import Looker
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.outcome import Outcome, ReconcileError, of_api_error, terminal
from kotsapp.reconcile.plan import PlanError, PullSecretNameError, PullSecrets, make_plan
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.release_step import ReleaseStep
from kotsapp.reconcile.rendering import secret_name
from kotsapp.reconcile.rollout import force_allowed, prune, pull_secrets_ready, roll_out
from kotsapp.reconcile.rollout_start import rollout_started
from kotsapp.reconcile.routing import ImagesResult
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import LargerError, Share, Size
from kotsapp.reconcile.status_writer import StatusWriter
from kotsapp.release.reader import Release
from kotsapp.text import rfc3339

# Pods that were just made have nothing to show yet.
POD_GRACE = 1.5
# Seconds between fresh probes that are asked for: each asks every registry anew, in slots that all apps share.
MIN_REFRESH = 5.0


class Reconciler:
    """Brings the app to what its spec asks for. Made anew for each reconciliation.

    ``_reconcile`` is the order of the steps. What they find goes into a ``Progress``, from which status is made, and
    what the next reconciliation is to know into the ``Memory``.
    """

    def __init__(self, app: App, services: Services, memory: Memory, writer: StatusWriter) -> None:
        self._app = app
        self._services = services
        self._memory = memory
        self._progress = Progress(app, services.client, writer)
        self._share = Share(memory.size)
        self._images = ImageRouting(app, services, memory, self._progress)
        self._release = ReleaseStep(app, services, memory, self._progress, self._images, self._looker, self._share)

    async def reconcile(self) -> Outcome:
        """Reconcile once; never raises for bad input. Raises LargerError, after which it is to be begun anew."""
        if self._app.suspended:
            self._images.pods.stop()
            before = self._progress.before
            now = status.suspended(before, self._app.generation, rfc3339())
            return Outcome(now, None, events=tuple(events.of_suspension(before, now)))
        self._progress.events += events.of_resumption(self._progress.before)
        memory = self._memory
        asked_at = memory.refreshed_at, memory.rerendered_at
        asked, early = self._take_request()
        try:
            end = await self._reconcile()
            conditions, wake_after, backoff = end.conditions, end.wake_after, False
        except (ReconcileError, ApiError) as error:
            memory.release = None  # megabytes, which nobody looks at while the app stands still
            ended = error if isinstance(error, ReconcileError) else of_api_error(self._app, error)
            conditions, wake_after, backoff = tuple(ended.conditions), ended.retry_after, ended.backoff
        except LargerError:
            memory.refreshed_at, memory.rerendered_at = asked_at  # it begins anew, and so does what is asked for
            raise
        finally:
            await self._progress.end()
        if asked:  # with whatever came of it: somebody waits for the answer
            self._progress.answered(**self._app.requested)
        self._progress.found(*conditions)
        due = awaited_release.until_due(memory.sources)
        # Pods whatever becomes of the rest.
        wake_after = soonest(wake_after, early, self._release.deferred, due, self._images.pods.wake_after)
        found, memory.sources.found = memory.sources.found, []
        return Outcome(self._progress.status(), wake_after, backoff, (*found, *self._progress.events))

    async def announce(self, *conditions: Condition) -> None:
        """Store these conditions on the way, beside what was found so far."""
        await self._progress.announce(*conditions)

    def _take_request(self) -> tuple[bool, float]:
        """Whether fresh probes and looks are asked for, and begin now; seconds until they may, where that is later."""
        if not status.is_unanswered(self._progress.before, self._app.requested):
            return False, 0.0
        memory, moment = self._memory, asyncio.get_running_loop().time()
        early = memory.refreshed_at + MIN_REFRESH - moment
        if early > 0:
            return False, early
        memory.refreshed_at, memory.refresh, memory.sources.ask_now = moment, True, True
        self._progress.events.append(events.of_request(self._app.requested, self._progress.before))
        return True, 0.0

    async def _reconcile(self) -> Conclusion:
        spec = self._read_spec()
        loader = InputLoader(self._app, self._services, self._memory, self._progress, self._share)
        loaded = await loader.load(spec)
        license = loaded.license
        release, images = await self._release.render_and_route(spec, loaded)
        self._progress.found(version=loaded.version.to_status())
        kept = await self._account_secrets(spec, license, release, images)
        plan = await self._plan(spec, license, release, images, kept)
        done = await self._roll_out(spec, loaded, plan)
        self._note_applied(done, release)
        self._memory.size = Size.of(self._share.held)
        healths = await self._check_health(plan, done)
        if done.contested is not None:
            raise conclusion.contested(done.contested)
        end = self._conclude(spec, license, images, healths, done)
        if end.healthy:
            await self._release.rest()
        return end

    def _read_spec(self) -> Spec:
        try:
            check_name(self._app.name)
            return parse_spec(self._app.spec)
        except SpecError as error:
            raise terminal(Reason.INVALID_SPEC, str(error)) from None

    async def _account_secrets(
        self, spec: Spec, license: License, release: Release, images: ImagesResult
    ) -> SecretsOfAccounts:
        routed = [image for image, pull in images.pulls.items() if pull.needs_secret]
        watched = references(spec, license)
        return await account_secrets(self._app, release.objects, routed, spec.image_paths, watched, self._services)

    async def _plan(
        self, spec: Spec, license: License, release: Release, images: ImagesResult, kept: SecretsOfAccounts
    ) -> Plan:
        secrets = PullSecrets(secret_name(spec, license), license.license_id, images.routing.domains)
        lent = self._services.settings.lent
        inputs = (release, images.pulls, secrets, self._app, spec, kept, lent)
        try:
            return await self._services.aside.run(release.objects, make_plan, *inputs)
        except PlanError as error:
            condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, str(error))
            raise terminal(Reason.OBJECT_REFUSED, str(error), condition) from None
        except PullSecretNameError as error:
            condition = Condition.false(PULL_SECRET_READY, Reason.PULL_SECRET_CLASH, str(error))
            raise terminal(Reason.PULL_SECRET_CLASH, str(error), condition) from None

    async def _roll_out(self, spec: Spec, loaded: Loaded, plan: Plan) -> ChangeSet:
        await self._check_impersonation()
        options = SessionOptions(loaded.license.license_id.encode(), force_allowed, loaded.may_quote)
        finished = status.finished_workloads(self._progress.before)
        known = Known(self._progress.ledger.inventory, self._memory.repairs, finished)
        session = Session(
            self._app.applicant, cluster_for(self._app, self._services), known, self._progress.ledger, options
        )
        self._progress.plan_size = len(plan.objects)
        changes, done = await roll_out(self._app, session, plan)
        self._memory.repairs = done.repairs
        if done.applied:
            self._memory.rollout_started = time.time()
        self._progress.found(pull_secrets_ready(plan))
        removal = Removal()
        if spec.prune and not done.waiting:
            removal = await prune(self._app, session, changes)
        session.watch_only_own(plan)
        self._progress.events += events.of_rollout(done, removal)
        return done

    async def _check_impersonation(self) -> None:
        account = self._app.account
        if account and self._memory.may_impersonate != account:
            await check_impersonation(self._app, account, self._services)
            self._memory.may_impersonate = account

    async def _looker(self) -> Looker:
        await self._check_impersonation()
        return looker_for(self._app, self._services)

    async def _check_health(self, plan: Plan, changes: ChangeSet) -> dict[ObjectKey, Health]:
        client = client_of(self._app, self._app.account, self._services)
        reader = LiveReader(client, self._services.cache, changes.unwatched)
        present = [key for key in plan.keys if key not in changes.ended]
        before = status.reported_workloads(self._progress.before, present)
        started = self._memory.rollout_started
        grace_over = started is None or time.time() - started >= POD_GRACE
        healths = await check_health(reader, present, before, look_at_pods=grace_over)
        ended = Health(WorkloadState.READY, "ended, and its time to live is over")
        healths |= dict.fromkeys(changes.ended, ended)
        self._progress.found(workloads=healths)
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
            before = condition_in(self._progress.before, WORKLOADS_HEALTHY)
            generation = self._app.generation
            self._memory.rollout_started = rollout_started(before, generation=generation, timeout=spec.timeout, now=now)
        elapsed = now - self._memory.rollout_started
        end = conclusion.conclude(
            spec, self._app.namespace, images, healths, elapsed, due, waiting=bool(changes.waiting)
        )
        if not end.healthy:
            awaited_release.not_healthy(self._memory.sources)
            return end
        self._memory.rollout_started = None
        rolled_out, instead = awaited_release.rolled_out(self._memory.sources, asyncio.get_running_loop().time())
        self._progress.events += rolled_out
        return replace(end, conditions=(*end.conditions, *instead))

    def _note_applied(self, done: ChangeSet, release: Release) -> None:
        count = sum(bool(entry.digest) for entry in self._progress.ledger.inventory.entries.values())
        elsewhere = () if self._app.account else release.application.additional_namespaces
        self._progress.found(conclusion.applied(count, release, done.waiting, elsewhere))
