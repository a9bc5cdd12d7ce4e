"""What becomes of one KotsApp, from top to bottom: load, find, probe, settle, rewrite, apply, report."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
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
    Status,
    counted,
    progressing,
    succeeded,
)
from kotsapp.api.spec import SourceKind, Spec, SpecError, check_name, parse_spec
from kotsapp.health.assess import Health, WorkloadState, summary
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey, key_of
from kotsapp.license import License, next_moment
from kotsapp.license.facts import facts, to_status
from kotsapp.pullsecret import pull_secret
from kotsapp.reconcile import events
from kotsapp.reconcile.app import App, Memory
from kotsapp.reconcile.drift import Contested
from kotsapp.reconcile.health import check_health
from kotsapp.reconcile.images import Decided, decide_images
from kotsapp.reconcile.impersonation import check_impersonation, identity_for
from kotsapp.reconcile.inputs import read_license, read_sources, refuse_expired
from kotsapp.reconcile.objects import domains, read_release, secret_name
from kotsapp.reconcile.outcome import UNWATCHED_POLL, Halt, again, settle_unwell, stop
from kotsapp.reconcile.plan import Object, Plan, PlanError, make_plan
from kotsapp.reconcile.rollout import BLIND_INTERVAL, Rollout, roll_out
from kotsapp.reconcile.rollout_start import rollout_started
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.status import Report
from kotsapp.release.reader import Release

logger = logging.getLogger(__name__)

# While workloads roll out their status wakes the app; their pods' troubles are asked for this often.
ROLLING_POLL = 3.0
UNHEALTHY_POLL = 30.0
# Pods that were just made have nothing to tell yet.
POD_GRACE = 1.5

# Stores these conditions on the way; None keeps those that are told, and stores the inventory.
Tell = Callable[[Sequence[Condition] | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` None means to leave everything as it is; ``wake_after`` is in seconds, None for no alarm.

    ``backoff`` asks for the worker's growing delay instead, at most ``wake_after``.
    """

    status: dict[str, Any] | None
    wake_after: float | None
    backoff: bool = False
    told: tuple[events.Event, ...] = ()


async def reconcile(
    app: App,
    report: Report,
    memory: Memory,
    services: Services,
    tell: Tell,
) -> Outcome:
    """Bring the app to what its spec asks for; never raises for bad input.

    ``report`` starts as the status that is there; ``tell`` stores conditions on the way, before the outcome's.
    """
    if app.spec.get("suspend") is True:
        return Outcome(None, None)
    asked = report.is_unanswered(app.requested)
    memory.refresh |= asked
    told: list[events.Event] = []
    try:
        conditions, wake_after = await _reconcile(app, memory, services, report, told, tell)
        backoff = False
    except (Halt, ApiError) as end:
        memory.release = None  # megabytes, which nobody looks at while the app stands still
        halt = end if isinstance(end, Halt) else _api_halt(app, end)
        conditions, wake_after, backoff = halt.conditions, halt.retry_after, halt.backoff
    if asked:
        report.handled(app.requested)  # with whatever came of it: somebody waits for the answer
    for condition in conditions:
        if condition.type not in ("Ready", "Reconciling", "Stalled"):
            report.note(condition)
    main = [c for c in conditions if c.type in ("Ready", "Reconciling", "Stalled")]
    return Outcome(report.finish(main, app.generation), wake_after, backoff, tuple(told))


def _api_halt(app: App, error: ApiError) -> Halt:
    """What a request's failure means where no step of the story knows better."""
    if error.status == HTTPStatus.FORBIDDEN and app.spec.get("serviceAccountName"):
        condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, str(error))
        return stop(Reason.OBJECT_REFUSED, str(error), condition, retry_after=UNWATCHED_POLL)
    return again(Reason.API_UNAVAILABLE if error.transient else Reason.APPLY_FAILED, str(error))


def was_told(app: App, status: Mapping[str, Any]) -> bool:
    """Whether the status says something about this generation already."""
    known = [c for c in status.get("conditions") or () if c.get("type") == "Ready"]
    return bool(known) and known[0].get("observedGeneration") == app.generation


async def _reconcile(
    app: App,
    memory: Memory,
    services: Services,
    report: Report,
    told: list[events.Event],
    tell: Tell,
) -> tuple[list[Condition], float | None]:
    spec = _spec(app)
    await services.follow(app, spec.references)
    license_ = await read_license(app, spec, services)
    _note_license(license_, report, told)
    refuse_expired(license_, spec.license)
    # Whoever holds the pull secret's name may let go of it.
    await services.follow(app, spec.references | {(SourceKind.SECRET, secret_name(spec, license_))})
    files = await read_sources(app, spec, services)
    release = await read_release(app, spec, license_, files, {}, memory, services)
    routes = domains(spec, license_, release.application)
    decided = await decide_images(spec, license_, routes, release, memory, services, report)
    _hold_back(decided)
    if release.local_images:
        known = {image: decided.pulls[image].reference for image in release.local_images}
        release = await read_release(app, spec, license_, files, known, memory, services)
        decided = await decide_images(spec, license_, routes, release, memory, services, report)
        _hold_back(decided)
    plan, secrets = _plan(app, spec, license_, release, decided)
    await check_impersonation(app, spec.service_account, services, memory)
    client = identity_for(app, spec.service_account, services)

    async def checkpoint(brings_new: bool) -> None:
        what = counted(len(plan.objects) + len(secrets), "object")
        await tell(progressing(f"applying {what}") if brings_new else None)

    seal = license_.license_id.encode()
    rollout = await roll_out(
        app, plan, secrets, client, services, report, memory, checkpoint, prune=spec.prune, seal=seal
    )
    told += events.of_rollout(rollout)
    _note_applied(report, rollout, release)
    present = [key for key in plan.keys if key not in rollout.ended]
    started = memory.rollout_started
    healths = await check_health(
        client,
        services.owned,
        present,
        rollout.blind,
        report.workloads_before(),
        look_at_pods=started is None or time.time() - started >= POD_GRACE,
    )
    healths |= dict.fromkeys(rollout.ended, Health(WorkloadState.READY, "ended, and its time to live is over"))
    report.workloads(healths)
    if rollout.contested is not None:
        raise _contested(rollout.contested)
    next_look = _next_look(spec, license_, decided, rollout)
    return _conclude(app, spec, decided, healths, report, memory, next_look, waiting=bool(rollout.waiting))


def _spec(app: App) -> Spec:
    try:
        check_name(app.name)
        return parse_spec(app.spec)
    except SpecError as error:
        raise stop(Reason.INVALID_SPEC, str(error)) from None


def _note_license(license_: License, report: Report, told: list[events.Event]) -> None:
    warned = (report.condition_before(LICENSE_VALID) or {}).get("reason") == Reason.LICENSE_EXPIRING_SOON
    told += events.of_license(license_, report.before.get("license") or {}, warned)
    report.license(to_status(facts(license_)))
    message = f"license of {license_.customer_name or 'the customer'} for {license_.app_slug}"
    if license_.differences:
        shown = ", ".join(license_.differences[:10])
        message += f"; the document differs from what was signed in {shown}: the signed values are used"
    if license_.warnings:
        message += "; " + "; ".join(license_.warnings[:3])
    soon = events.ends_soon(license_)
    if soon is None:
        report.note(Condition.true(LICENSE_VALID, message))
    else:
        report.note(Condition.true(LICENSE_VALID, f"{message}; {soon}", Reason.LICENSE_EXPIRING_SOON))


def _hold_back(decided: Decided) -> None:
    """Nothing new rolls out while an image is undecided, or can't be pulled where that is enforced."""
    if decided.undecided:
        message = (
            f"{decided.condition.message}. Nothing rolls out, and it is asked again by itself; spec.probe.onUndecided"
            " or spec.probe.exclude settle it without an answer"
        )
        raise again(
            Reason.IMAGES_UNDECIDED, message, decided.condition, *decided.pullable, retry_after=decided.retry_after
        )
    if decided.held:
        shown = "; ".join(f"{s.pull}: {s.verified_message}" for s in decided.held[:5])
        message = (
            f"the license can't be shown to pull {counted(len(decided.held), 'image')}, nothing rolls out: {shown}."
            " Asked again by itself; ask the vendor for access, or check name and tag"
        )
        raise again(
            Reason.IMAGES_NOT_PULLABLE, message, decided.condition, *decided.pullable, retry_after=decided.retry_after
        )


def _plan(app: App, spec: Spec, license_: License, release: Release, decided: Decided) -> tuple[Plan, list[Object]]:
    name = secret_name(spec, license_)
    lend_rights = spec.service_account is None
    try:
        plan = make_plan(
            release.objects,
            decided.pulls,
            name,
            spec.image_paths,
            app,
            lend_rights=lend_rights,
            ignored=spec.ignore_fields,
        )
    except PlanError as error:
        condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, str(error))
        raise stop(Reason.OBJECT_REFUSED, str(error), condition) from None
    namespaces = plan.secret_namespaces
    secrets = [pull_secret(name, ns, license_.license_id, decided.domains, app.labels) for ns in namespaces]
    brought = {key.identity for key in plan.keys}
    for secret in secrets:
        if key_of(secret).identity in brought:
            message = (
                f"the manifests bring a Secret {name} of their own, which is the pull secret's name; rename theirs or"
                " set spec.pullSecret.name"
            )
            raise stop(
                Reason.PULL_SECRET_CLASH, message, Condition.false(PULL_SECRET_READY, Reason.PULL_SECRET_CLASH, message)
            )
    return plan, list(secrets)


def _note_applied(report: Report, rollout: Rollout, release: Release) -> None:
    applied = sum(bool(entry.digest) for entry in report.inventory.entries.values())
    message = f"{counted(applied, 'object')} applied"
    if release.unpatched_charts:
        message += (
            f"; not patched, as KOTS does with v2 charts (spec.helm.patchV2): {', '.join(release.unpatched_charts)}"
        )
    if rollout.waiting:
        hooks = ", ".join(str(key) for key in rollout.waiting)
        report.note(Condition.unknown(WORKLOADS_APPLIED, Reason.PROGRESSING, f"{message}; waiting for hook {hooks}"))
    else:
        report.note(Condition.true(WORKLOADS_APPLIED, message))


def _contested(contested: Contested) -> Halt:
    condition = Condition.false(WORKLOADS_APPLIED, Reason.FIELD_CONTESTED, contested.message)
    return again(Reason.FIELD_CONTESTED, contested.message, condition, retry_after=contested.wait)


def _conclude(
    app: App,
    spec: Spec,
    decided: Decided,
    healths: Mapping[ObjectKey, Health],
    report: Report,
    memory: Memory,
    next_look: float | None,
    *,
    waiting: bool,
) -> tuple[list[Condition], float | None]:
    routed = f"{counted(len(decided.settled), 'image')}, {decided.proxied} through the proxy"
    overall = summary((key.within(app.namespace), health) for key, health in healths.items())
    done = succeeded(f"{routed}; {overall.message}")
    if overall.state is WorkloadState.READY and not waiting:
        memory.rollout_started = None
        memory.release = None  # nothing to look at again soon
        report.note(Condition.true(WORKLOADS_HEALTHY, overall.message))
        return done, next_look
    now = time.time()
    if memory.rollout_started is None:
        before = report.condition_before(WORKLOADS_HEALTHY)
        memory.rollout_started = rollout_started(before, generation=app.generation, timeout=spec.timeout, now=now)
    elapsed = now - memory.rollout_started
    if elapsed >= spec.timeout:
        look = UNHEALTHY_POLL
        health = Condition.false(WORKLOADS_HEALTHY, Reason.WORKLOADS_UNHEALTHY, overall.message)
    else:
        look = min(ROLLING_POLL, spec.timeout - elapsed + 0.1)
        health = Condition.unknown(WORKLOADS_HEALTHY, Reason.PROGRESSING, overall.message)
    report.note(health)
    if overall.settles_in is not None:
        look = min(look, overall.settles_in + 0.1)
    if not (spec.wait or waiting):
        return done, look if next_look is None else min(look, next_look)
    if elapsed >= spec.timeout:
        refused = "".join(f"{c.message}; " for c in decided.pullable if c.status == Status.FALSE)
        message = f"not healthy after {spec.timeout:g}s: {refused}{overall.message}"
        raise settle_unwell(Reason.WORKLOADS_UNHEALTHY, message, retry_after=look)
    return progressing(f"rolling out: {overall.message}"), look


def _next_look(spec: Spec, license_: License, decided: Decided, rollout: Rollout) -> float | None:
    """Seconds until something is due by itself: verdicts grow stale, a license ends, what can't be watched."""
    now = datetime.now(UTC)
    due = [spec.probe.interval]
    moment = next_moment(license_.expires_at, now)
    if moment is not None:
        due.append(max(0.1, (moment - now).total_seconds()))
    if decided.recheck_after is not None:
        due.append(decided.recheck_after)
    if rollout.blind:
        due.append(BLIND_INTERVAL)
    return min(due)
