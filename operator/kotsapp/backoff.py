"""One exponential backoff with jitter for everybody who tries again."""

import random
from dataclasses import dataclass

# Beyond this many doublings every longest wait is reached; a float would overflow in time.
_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before the next try: ``first``, doubled for each failure after the first, at most ``longest``.

    ``jitter`` spreads the wait by that share to both sides, so that many do not try again at the same moment.
    """

    first: float
    longest: float
    jitter: float = 0.0

    def after(self, failures: int, longest: float | None = None) -> float:
        """The wait after so many failures in a row (1 or more); ``longest`` replaces the usual bound."""
        bound = self.longest if longest is None else longest
        wait = min(self.first * 2.0 ** min(max(failures, 1) - 1, _MAX_DOUBLINGS), bound)
        return wait * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - no secret hangs on it
