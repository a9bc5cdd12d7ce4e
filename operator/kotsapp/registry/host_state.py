"""When a host may be asked again: one state a host, shared as far as the failure is every image's."""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from kotsapp.backoff import Backoff
from kotsapp.registry.evidence import Evidence, NoAnswer, Trouble
from kotsapp.registry.limits import BACKOFF_BASE, BACKOFF_CAP, MAX_RETRY_AFTER, STRIKES, UNDECIDED_BASE


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """A Retry-After header (RFC 9110, 10.2.3) as seconds from now, at most MAX_RETRY_AFTER.

    Seconds or a date; None when absent or unreadable; a date gone by is 0.
    """
    if header is None:
        return None
    text = header.strip()[:64]
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def jittered(seconds: float) -> float:
    """The wait, up to a quarter longer: clients that failed together must not come back together."""
    return seconds * random.uniform(1.0, 1.25)  # noqa: S311 - spreads load, guards nothing


def exponential(failures: int, base: float) -> float:
    """``base`` doubled for each failure after the first, at most BACKOFF_CAP. Seconds."""
    return Backoff(base, BACKOFF_CAP).after(failures)


def undecided_wait(failures: int) -> float:
    """How long an image without a verdict is left alone, after so many probes in a row without one."""
    return jittered(exponential(failures, UNDECIDED_BASE))


@dataclass(slots=True)
class _Pause:
    """One backing off: ``waited`` is how long was waited in vain for the answer that brought it, infinite where that
    was no silence; ``failures`` are in a row, and ``base`` is the wait after the first."""

    base: float
    until: float = 0.0
    since: float = 0.0
    waited: float = math.inf
    failures: int = 0
    reason: Evidence | NoAnswer | None = None

    def remaining(self, now: float, timeout: float) -> float:
        return max(0.0, self.until - now) if timeout <= self.waited else 0.0

    def failed(self, now: float, outcome: Evidence | NoAnswer, wish: float | None, waited: float) -> None:
        if wish is None and self.remaining(now, waited):
            return  # the answers to requests that were under way together count once
        self.failures += 1
        wait = jittered(exponential(self.failures, self.base) if wish is None else wish)
        if now + wait > self.until or waited > self.waited:
            self.until, self.since, self.waited, self.reason = now + wait, now, waited, outcome


@dataclass(slots=True)
class _Own:
    """What came of one namespace's images since one of them was answered."""

    pause: _Pause
    strikes: int = 0


class HostPause:
    """When a host may be asked again. Times are seconds on the monotonic clock.

    A rate limit, or a failure that every image would share, pauses the host at once, and for all. A failure that may be
    an image's own pauses it for the namespace whose image that is, after STRIKES in a row, or at the first one where
    the images of so many other namespaces fail, too: else who has images that hang would have everybody's left alone.
    The reason is the answer for images asked meanwhile. Silence pauses for those who would wait no longer than was
    waited. ``base`` is the wait after a first failure, in seconds.
    """

    def __init__(self, base: float = BACKOFF_BASE) -> None:
        self._base = base
        self._failing = False
        self._whole = _Pause(base)
        self._own: dict[str, _Own] = {}

    def is_rate_limited(self, now: float) -> bool:
        reason = self._whole.reason
        return isinstance(reason, Evidence) and reason.status == 429 and self._whole.remaining(now, 0.0) > 0

    def is_failing(self, namespace: str = "") -> bool:
        """Whether the last thing that came of asking was a failure: anybody's that all would share, or one's own."""
        return self._failing or namespace in self._own

    def is_idle(self, now: float) -> bool:
        """Whether nobody is kept from asking."""
        return not any(pause.remaining(now, 0.0) for pause in (self._whole, *(own.pause for own in self._own.values())))

    def remaining(self, now: float, namespace: str = "", timeout: float = 0.0) -> float:
        """Seconds of pause left for who would wait ``timeout`` seconds, 0 when the host may be asked."""
        return self._of(now, namespace, timeout).remaining(now, timeout)

    def for_all(self, now: float, timeout: float = 0.0) -> float:
        """Seconds left of the pause that is every image's: the host asked for it, or could not be reached."""
        return self._whole.remaining(now, timeout)

    def reason(self, now: float, namespace: str = "", timeout: float = 0.0) -> Evidence | NoAnswer | None:
        """Why the host is left alone."""
        return self._of(now, namespace, timeout).reason

    def began_before(self, moment: float, namespace: str = "") -> bool:
        """Whether somebody who asked for a fresh look at that moment may still have one."""
        own = self._own.get(namespace)
        return self._whole.since < moment and (own is None or own.pause.since < moment)

    def note(
        self,
        now: float,
        outcome: Evidence | NoAnswer,
        asked: str,
        *,
        namespace: str = "",
        answers: bool = True,
        timeout: float = math.inf,
    ) -> None:
        """Account for an outcome of asking host ``asked``, which ``timeout`` seconds were the most to wait for.

        ``answers``: it has answered something before.
        """
        if isinstance(outcome, NoAnswer):
            if outcome.trouble is not Trouble.REFUSED:  # nothing was sent
                whole_host = outcome.trouble.whole_host and outcome.host == asked
                silent = outcome.trouble is Trouble.TIMEOUT
                # Silence is one image's fault only if others got an answer.
                whole_host |= silent and not answers
                self._failed(now, outcome, namespace, whole_host=whole_host, waited=timeout if silent else math.inf)
        elif outcome.status == 429 or outcome.status >= 500:
            wish = outcome.retry_after
            if wish is not None and wish < self._base:
                wish = None  # "at once", or a date gone by on another clock: no reason to stop backing off
            whole_host = outcome.status == 429 or wish is not None
            self._failed(now, outcome, namespace, whole_host=whole_host, wish=wish)
        else:
            self._failing, self._whole.failures = False, 0
            self._own.pop(namespace, None)

    def _failed(
        self,
        now: float,
        outcome: Evidence | NoAnswer,
        namespace: str,
        *,
        whole_host: bool,
        wish: float | None = None,
        waited: float = math.inf,
    ) -> None:
        if whole_host:
            self._failing = True
            self._whole.failed(now, outcome, wish, waited)
            return
        others = len(self._own) - (namespace in self._own)
        own = self._own.setdefault(namespace, _Own(_Pause(self._base)))
        own.strikes += 1
        if own.strikes >= STRIKES or others >= STRIKES:
            own.pause.failed(now, outcome, None, waited)

    def _of(self, now: float, namespace: str, timeout: float) -> _Pause:
        """The pause that lasts longer, of all or one's own."""
        own = self._own.get(namespace)
        if own is None or own.pause.remaining(now, timeout) <= self._whole.remaining(now, timeout):
            return self._whole
        return own.pause
