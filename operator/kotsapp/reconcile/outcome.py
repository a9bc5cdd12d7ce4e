"""How a reconciliation ends, and what ends it before its end."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kotsapp.api.conditions import WORKLOADS_APPLIED, Condition, Reason, retrying, stalled
from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.events import Event

# Seconds at most between looks at what is fixed unseen: a right granted, a quota raised, another's object removed.
UNWATCHED_POLL = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` None means to leave everything as it is; ``wake_after`` is in seconds, None for no alarm.

    ``backoff`` asks for the worker's growing delay instead, at most ``wake_after``.
    """

    status: dict[str, Any] | None
    wake_after: float | None
    backoff: bool = False
    events: tuple[Event, ...] = ()


class ReconcileError(Exception):
    """Ends a reconciliation. ``conditions`` say why; ``retry_after`` is in seconds, None to wait for a change.

    ``backoff`` asks for the worker's growing delay instead, at most ``retry_after``.
    """

    def __init__(self, conditions: list[Condition], retry_after: float | None, backoff: bool = False) -> None:
        super().__init__(conditions[0].message)
        self.conditions = conditions
        self.retry_after = retry_after
        self.backoff = backoff


def terminal(reason: str, message: str, *also: Condition, retry_after: float | None = None) -> ReconcileError:
    """A person must fix an input; its change wakes the app.

    ``retry_after`` is for what is fixed unseen: soon after as often as not, when a folder of files is applied in no
    particular order, so that the looks begin a second apart and grow to that.
    """
    return ReconcileError([*stalled(reason, message), *also], retry_after, backoff=retry_after is not None)


def retryable(reason: str, message: str, *also: Condition, retry_after: float | None = None) -> ReconcileError:
    """Tried again by itself: after ``retry_after`` seconds, or by the worker's own growing backoff."""
    return ReconcileError([*retrying(reason, message), *also], retry_after, backoff=retry_after is None)


def of_api_error(app: App, error: ApiError) -> ReconcileError:
    """What a request's failure means where no step knows better."""
    if error.status == HTTPStatus.FORBIDDEN and app.spec.get("serviceAccountName"):
        condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, str(error))
        return terminal(Reason.OBJECT_REFUSED, str(error), condition, retry_after=UNWATCHED_POLL)
    return retryable(Reason.API_UNAVAILABLE if error.transient else Reason.APPLY_FAILED, str(error))
