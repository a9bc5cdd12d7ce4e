"""Brings the cluster to a plan, and says what stands in the way in the words of the KotsApp."""

from typing import Any

from kotsapp.api.conditions import PULL_SECRET_READY, WORKLOADS_APPLIED, Condition, Reason
from kotsapp.apply.changes import Changes, ChangeSet, Object, Removal
from kotsapp.apply.ownership import ClaimedError, NotOursError, TakenError
from kotsapp.apply.plan import Plan
from kotsapp.apply.refusals import RefusedError
from kotsapp.apply.session import Session
from kotsapp.kube.objects import ObjectKey
from kotsapp.names import FORCE_ANNOTATION
from kotsapp.reconcile.app import App
from kotsapp.reconcile.granting import grant
from kotsapp.reconcile.outcome import UNWATCHED_POLL, ReconcileError, retryable, terminal


def force_allowed(obj: Object) -> bool:
    """Whether the manifest lets the live object be deleted and made anew when a field can't be changed."""
    annotations: dict[str, Any] = (obj.get("metadata") or {}).get("annotations") or {}
    return bool(annotations.get(FORCE_ANNOTATION) == "enabled")


async def roll_out(app: App, session: Session, plan: Plan) -> tuple[Changes, ChangeSet]:
    """Apply what differs; what was found, and what was done. Raises ReconcileError for what is refused or taken."""
    with session:
        changes = await _check(app, session, plan)
        try:
            return changes, await session.apply(changes)
        except RefusedError as error:
            raise _refused(app, error, Reason.APPLY_FAILED, plan) from None


async def prune(app: App, session: Session, changes: Changes) -> Removal:
    """Delete what the plan no longer wants; raises ReconcileError."""
    try:
        return await session.prune(changes)
    except RefusedError as error:
        raise _refused(app, error, Reason.PRUNE_FAILED, Plan()) from None


def pull_secrets_ready(plan: Plan) -> Condition:
    """Where the pull secrets are, once they are applied."""
    if not plan.exclusive:
        return Condition.true(PULL_SECRET_READY, "no pod pulls with the license, so no pull secret is needed")
    places = sorted(f"{key.namespace}/{key.name}" for key in plan.exclusive)
    return Condition.true(PULL_SECRET_READY, f"pull secret {', '.join(places)} holds the license's credential")


async def _check(app: App, session: Session, plan: Plan) -> Changes:
    try:
        return await session.check(plan)
    except TakenError as error:
        message = f"{error}; name another one in spec.pullSecret.name, or remove that Secret"
        raise _clash(message) from None
    except NotOursError as error:
        raise _object(Reason.OBJECT_REFUSED, str(error)) from None
    except RefusedError as error:
        raise _refused(app, error, Reason.OBJECT_REFUSED, plan) from None
    except ClaimedError as error:
        if not error.exclusive:
            raise _object(Reason.OBJECT_CLAIMED, str(error)) from None
        key: ObjectKey = error.exclusive[0]
        message = (
            f"{error.shown(key)} is the pull secret of KotsApp {error.claims[key]}, and each KotsApp of a namespace"
            " has its own: name another one in spec.pullSecret.name"
        )
        raise _clash(message) from None


def _clash(message: str) -> ReconcileError:
    condition = Condition.false(PULL_SECRET_READY, Reason.PULL_SECRET_CLASH, message)
    return terminal(Reason.PULL_SECRET_CLASH, message, condition, retry_after=UNWATCHED_POLL)


def _object(reason: Reason, message: str) -> ReconcileError:
    condition = Condition.false(WORKLOADS_APPLIED, reason, message)
    return terminal(reason, message, condition, retry_after=UNWATCHED_POLL)


def _refused(app: App, error: RefusedError, reason: Reason, plan: Plan) -> ReconcileError:
    message = f"{error.message(plan.places)}{grant(app, error.refusals)}"
    condition = Condition.false(WORKLOADS_APPLIED, reason, message)
    if error.transient:
        return retryable(reason, message, condition)
    return terminal(reason, message, condition, retry_after=UNWATCHED_POLL)
