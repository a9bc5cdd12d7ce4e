"""When a host may be asked again. One state a host, shared by every image and every KotsApp."""

import math
import random
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


class HostPause:
    """When a host may be asked again. Times are seconds on the monotonic clock.

    A rate limit, or a failure that every image would share, pauses the host at once; a failure that may be one
    image's own pauses it after STRIKES in a row. ``reason`` is the answer for images asked meanwhile. Silence pauses
    it for those who would wait no longer than was waited. ``shared`` says that the pause is every image's: the host
    asked for it, or could not be reached.
    """

    def __init__(self) -> None:
        self.reason: Evidence | NoAnswer | None = None
        self.shared = False
        self._until = 0.0
        self._since = 0.0
        self._waited = math.inf
        self._failures = 0
        self._strikes = 0

    @property
    def rate_limited(self) -> bool:
        return isinstance(self.reason, Evidence) and self.reason.status == 429

    @property
    def failing(self) -> bool:
        """Whether the last thing that came of asking was a failure."""
        return self._strikes > 0

    def remaining(self, now: float, timeout: float = 0.0) -> float:
        """Seconds of pause left for who would wait ``timeout`` seconds, 0 when the host may be asked."""
        return max(0.0, self._until - now) if timeout <= self._waited else 0.0

    def began_before(self, moment: float) -> bool:
        """Whether somebody who asked for a fresh look at that moment may still have one."""
        return self._since < moment

    def note(
        self,
        now: float,
        outcome: Evidence | NoAnswer,
        asked: str,
        *,
        answers: bool = True,
        timeout: float = math.inf,
    ) -> None:
        """Account for an outcome of asking host ``asked``, which ``timeout`` seconds were the most to wait for.

        ``answers``: it has answered something before.
        """
        if isinstance(outcome, NoAnswer):
            if outcome.trouble is not Trouble.REFUSED:  # nothing was sent
                whole_host = outcome.trouble.whole_host and outcome.host == asked
                # Silence is one image's fault only if others got an answer.
                whole_host |= outcome.trouble is Trouble.TIMEOUT and not answers
                silent = outcome.trouble is Trouble.TIMEOUT
                self._failed(now, outcome, whole_host, None, timeout if silent else math.inf)
        elif outcome.status == 429 or outcome.status >= 500:
            self._failed(now, outcome, outcome.status == 429, outcome.retry_after)
        else:
            self._failures = self._strikes = 0

    def _failed(
        self, now: float, outcome: Evidence | NoAnswer, whole_host: bool, wish: float | None, waited: float = math.inf
    ) -> None:
        self._strikes += 1
        if wish is not None and wish < BACKOFF_BASE:
            wish = None  # "at once", or a date gone by on another clock: no reason to stop backing off
        if not whole_host and wish is None and self._strikes < STRIKES:
            return
        if wish is None and self.remaining(now, waited):
            return  # the answers to requests that were under way together count once
        self._failures += 1
        wait = jittered(exponential(self._failures, BACKOFF_BASE) if wish is None else wish)
        if now + wait > self._until or waited > self._waited:
            self._until, self._since, self._waited, self.reason = now + wait, now, waited, outcome
            self.shared = whole_host or wish is not None
