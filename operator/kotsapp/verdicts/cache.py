"""Verdicts that are still fresh. Bounded; the oldest unused goes first."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from kotsapp.registry.host_state import undecided_wait

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Kept(Generic[R]):
    """A result with the time it was asked at; the rest is for results that don't decide.

    ``waited`` is how long an answer was waited for, infinite when one came or none can.
    """

    result: R
    asked_at: float
    not_before: float
    failures: int
    waited: float


class ResultCache(Generic[K, R]):
    """Decisive results by age; the others until their own, growing wait is over."""

    def __init__(self, limit: int, clock: Callable[[], float] = monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._kept: OrderedDict[K, Kept[R]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def last(self, key: K) -> R | None:
        """The newest result, however old."""
        kept = self._kept.get(key)
        return None if kept is None else kept.result

    def fresh(self, key: K, max_age: float, timeout: float = 0.0) -> tuple[R, float | None] | None:
        """The result when it needn't be asked again, and for an undecided one the seconds until it should be.

        That nothing came is no answer to who would wait longer, ``timeout`` seconds.
        """
        kept = self._kept.get(key)
        if kept is None:
            return None
        now = self._clock()
        if kept.failures:
            if now >= kept.not_before or timeout > kept.waited:
                return None
            self._kept.move_to_end(key)
            return kept.result, kept.not_before - now
        if now - kept.asked_at >= max_age:
            return None
        self._kept.move_to_end(key)
        return kept.result, None

    def keep(
        self,
        key: K,
        result: R,
        *,
        decisive: bool,
        wait: float | None = None,
        waited: float = math.inf,
    ) -> float | None:
        """Keep a result; returns the seconds to wait when it is undecided (``wait``, or longer each time).

        ``waited`` is the seconds for which an answer that never came was waited for.
        """
        now = self._clock()
        before = self._kept.get(key)
        if before is not None and not before.failures and now - before.asked_at < waited < math.inf:
            return undecided_wait(1)  # somebody who waited longer has got an answer meanwhile
        failures = 0 if decisive else 1 + (before.failures if before is not None else 0)
        seconds = None if decisive else max(wait or 0.0, undecided_wait(failures))
        self._kept[key] = Kept(result, now, now + (seconds or 0.0), failures, waited)
        self._kept.move_to_end(key)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return seconds
