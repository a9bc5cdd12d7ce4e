"""Two controllers that want different things would change one field for ever: noticing it, and slowing down. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kotsapp.backoff import Backoff
from kotsapp.kube.objects import Identity

# This many repairs of one object, each within this many seconds of the one before, are no accident any more.
TOLERATED = 5
WINDOW = 600.0
PAUSE = Backoff(first=30.0, longest=1800.0)
MAX_KEPT = TOLERATED + 16


def wait_before_repair(repairs: Sequence[float], now: float) -> float:
    """Seconds to wait before the next repair of an object, 0 to repair at once.

    ``repairs`` are the times of the earlier ones, oldest first, as ``remember`` keeps them. Once there are too many
    the pause grows with each.
    """
    excess = len(repairs) - TOLERATED
    if excess < 0:
        return 0.0
    return max(0.0, repairs[-1] + _pause(excess) - now)


def is_contested(repairs: Sequence[float], now: float) -> bool:
    """Whether the last repair was made in a fight, and has yet to last as long as the next would be put off."""
    return len(repairs) > TOLERATED and wait_before_repair(repairs, now) > 0


def remember(repairs: Sequence[float], now: float) -> list[float]:
    """The repairs with the one made now; forgotten as a whole when the object was left in peace for long enough."""
    if repairs and now - repairs[-1] > WINDOW + _pause(len(repairs) - TOLERATED):
        return [now]
    return [*repairs, now][-MAX_KEPT:]


def _pause(excess: int) -> float:
    return 0.0 if excess < 0 else PAUSE.after(excess + 1)


@dataclass(frozen=True, slots=True)
class RepairHistory:
    """When each object was repaired (seconds of one clock, oldest first), and what was said of those fought over."""

    times: Mapping[Identity, Sequence[float]] = field(default_factory=dict)
    explanations: Mapping[Identity, str] = field(default_factory=dict)

    def wait(self, identity: Identity, now: float) -> float:
        """Seconds before the object's next repair, 0 to repair at once."""
        return wait_before_repair(self.times.get(identity, ()), now)

    def is_contested(self, identity: Identity, now: float) -> bool:
        """Whether the last repair was made in a fight, and has yet to last."""
        return is_contested(self.times.get(identity, ()), now)

    def repaired(self, identities: Iterable[Identity], now: float) -> "RepairHistory":
        """The history with these repairs, made now."""
        return replace(self, times={**self.times, **{i: remember(self.times.get(i, ()), now) for i in identities}})

    def explained(self, explanations: Mapping[Identity, str]) -> "RepairHistory":
        """The history with these explanations in place of all others."""
        return replace(self, explanations=explanations)
