"""What all steps together come to: Ready or not, and when to look again. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kotsapp.api.conditions import (
    WORKLOADS_APPLIED,
    WORKLOADS_HEALTHY,
    Condition,
    Reason,
    failed,
    progressing,
    retrying,
    succeeded,
)
from kotsapp.api.spec import Spec
from kotsapp.apply.changes import ChangeSet, Contested
from kotsapp.health.assess import Health, WorkloadState, summary
from kotsapp.kube.objects import ObjectKey
from kotsapp.license import License, next_moment
from kotsapp.reconcile.outcome import ReconcileError, retryable
from kotsapp.reconcile.routing import ImagesResult
from kotsapp.release.reader import Release
from kotsapp.text import counted, listed

# While workloads roll out their status wakes the app; their pods' troubles are asked for this often.
ROLLING_POLL = 3.0
UNHEALTHY_POLL = 30.0
# Without a watch nothing shows drift; every object is looked at this often then.
UNWATCHED_INTERVAL = 300.0
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The conditions that hold, and the seconds until the next look, None for no alarm.

    ``healthy`` says that all workloads are well and nothing is waited for.
    """

    conditions: tuple[Condition, ...]
    wake_after: float | None
    healthy: bool


def applied(count: int, release: Release, waiting: Mapping[ObjectKey, str], elsewhere: Sequence[str] = ()) -> Condition:
    """How many objects are applied, what of the release is not heeded, and what is still waited for, and why.

    ``elsewhere`` are namespaces that the operator's own rights don't reach.
    """
    message = f"{counted(count, 'object')} applied"
    if release.unpatched_charts:
        skipped = listed(release.unpatched_charts, MAX_NAMED)
        message += f"; left by spec.helm.v2Charts: Skip, and installed by nobody here: {skipped}"
    if elsewhere:
        where = listed(elsewhere, MAX_NAMED)
        message += f"; no pull secret in {where}, which the Application names: that takes spec.serviceAccountName"
    if release.unheeded_flags:
        message += f"; not heeded: {listed(release.unheeded_flags, MAX_NAMED, '; ')}"
    if waiting:
        awaited = listed([f"{key} {what}" for key, what in waiting.items()], MAX_NAMED)
        return Condition.unknown(WORKLOADS_APPLIED, Reason.PROGRESSING, f"{message}; waiting for {awaited}")
    return Condition.true(WORKLOADS_APPLIED, message)


def contested(found: Contested) -> ReconcileError:
    """Somebody else keeps changing objects back."""
    condition = Condition.false(WORKLOADS_APPLIED, Reason.FIELD_CONTESTED, found.message)
    return retryable(Reason.FIELD_CONTESTED, found.message, condition, retry_after=found.wait)


def soonest(wake_after: float | None, *moments: float | None) -> float | None:
    """The first of the alarms; of ``moments`` those that are not still to come count for nothing."""
    waits = [moment for moment in moments if moment is not None and moment > 0]
    return min(waits if wake_after is None else [wake_after, *waits], default=None)


def next_look(spec: Spec, license: License, images: ImagesResult, changes: ChangeSet, now: datetime) -> float:
    """Seconds until something is due by itself: verdicts grow stale, a license ends, what can't be watched."""
    due = [spec.probe.interval]
    moment = next_moment(license.expires_at, now)
    if moment is not None:
        due.append(max(0.1, (moment - now).total_seconds()))
    if images.recheck_after is not None:
        due.append(images.recheck_after)
    if changes.unwatched:
        due.append(UNWATCHED_INTERVAL)
    return min(due)


def conclude(
    spec: Spec,
    namespace: str,
    images: ImagesResult,
    healths: Mapping[ObjectKey, Health],
    elapsed: float,
    next_due: float,
    *,
    waiting: bool,
) -> Conclusion:
    """Whether the app is Ready.

    ``elapsed`` are the seconds since its workloads were last well, ``next_due`` those until something is due by itself;
    ``waiting`` says that a hook has to end first.
    """
    overall = summary((key.within(namespace), health) for key, health in healths.items())
    done = tuple(succeeded(f"{images.summary}; {overall.message}"))
    if overall.state is WorkloadState.READY and not waiting:
        return Conclusion((*done, Condition.true(WORKLOADS_HEALTHY, overall.message)), next_due, healthy=True)
    over = elapsed >= spec.timeout
    if over:
        look = UNHEALTHY_POLL
        health = Condition.false(WORKLOADS_HEALTHY, Reason.WORKLOADS_UNHEALTHY, overall.message)
    else:
        look = min(ROLLING_POLL, spec.timeout - elapsed + 0.1)
        health = Condition.unknown(WORKLOADS_HEALTHY, Reason.PROGRESSING, overall.message)
    if overall.settles_in is not None:
        look = min(look, overall.settles_in + 0.1)
    if not (spec.wait or waiting):
        return Conclusion((*done, health), min(look, next_due), healthy=False)
    if images.refused:
        # What is known leads: pods would say the same later, and with less in it.
        message = images.refusal
        known = failed if over else retrying
        return Conclusion((*known(Reason.IMAGES_NOT_PULLABLE, message), health), look, healthy=False)
    if not over:
        return Conclusion((*progressing(f"rolling out: {overall.message}"), health), look, healthy=False)
    message = f"not healthy after {spec.timeout:g}s: {overall.message}"
    return Conclusion((*failed(Reason.WORKLOADS_UNHEALTHY, message), health), look, healthy=False)
