"""Why a reconciliation ends before its end, as the conditions that then hold."""

from kotsapp.api.conditions import Condition, failed, retrying, stalled


class Halt(Exception):  # noqa: N818 - not an error of the program: one of the ways in which the story ends
    """The story ends here. ``conditions`` say why; ``retry_after`` is in seconds, None to wait for a change.

    ``backoff`` asks for the worker's growing delay instead, at most ``retry_after``.
    """

    def __init__(self, conditions: list[Condition], retry_after: float | None, backoff: bool = False) -> None:
        super().__init__(conditions[0].message)
        self.conditions = conditions
        self.retry_after = retry_after
        self.backoff = backoff


# Seconds at most between looks at what is mended unseen: a right granted, a quota raised, another's object removed.
UNWATCHED_POLL = 60.0


def stop(reason: str, message: str, *also: Condition, retry_after: float | None = None) -> Halt:
    """A person must mend an input; its change wakes the app.

    ``retry_after`` is for what is mended unseen: soon after as often as not, when a folder of files is applied in no
    particular order, so that the looks begin a second apart and grow to that.
    """
    return Halt([*stalled(reason, message), *also], retry_after, backoff=retry_after is not None)


def settle_unwell(reason: str, message: str, *also: Condition, retry_after: float | None = None) -> Halt:
    """Done, and not well; looked at again when something changes."""
    return Halt([*failed(reason, message), *also], retry_after)


def again(reason: str, message: str, *also: Condition, retry_after: float | None = None) -> Halt:
    """Tried again by itself: after ``retry_after`` seconds, or by the worker's own growing backoff."""
    return Halt([*retrying(reason, message), *also], retry_after, backoff=retry_after is None)
