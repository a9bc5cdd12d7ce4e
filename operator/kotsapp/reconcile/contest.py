"""Two controllers that want different things would change one field for ever: noticing it, and slowing down. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

# This many repairs of one object, each within this many seconds of the one before, are no accident any more.
TOLERATED = 5
WINDOW = 600.0
FIRST_WAIT, MAX_WAIT = 30.0, 1800.0
MAX_KEPT = TOLERATED + 16
MAX_PATHS = 3
MAX_NESTING = 64


def wait_before_repair(repairs: Sequence[float], now: float) -> float:
    """Seconds to wait before the next repair of an object, 0 to repair at once.

    ``repairs`` are the times of the earlier ones, oldest first, as ``remember`` keeps them. Once there are too many
    the pause grows with each.
    """
    excess = len(repairs) - TOLERATED
    if excess < 0:
        return 0.0
    return max(0.0, repairs[-1] + _pause(excess) - now)


def remember(repairs: Sequence[float], now: float) -> list[float]:
    """The repairs with the one made now; forgotten as a whole when the object was left in peace for long enough."""
    if repairs and now - repairs[-1] > WINDOW + _pause(len(repairs) - TOLERATED):
        return [now]
    return [*repairs, now][-MAX_KEPT:]


def _pause(excess: int) -> float:
    return 0.0 if excess < 0 else min(FIRST_WAIT * 2.0**excess, MAX_WAIT)


def taken_paths(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
    """Dotted paths of the fields whose live value is not the wanted one, the first few."""
    found: list[str] = []
    _compare(wanted, live, "", found, 0)
    return found


def _compare(wanted: Any, live: Any, path: str, found: list[str], depth: int) -> None:
    if len(found) >= MAX_PATHS or depth > MAX_NESTING:
        return
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for name, value in wanted.items():
            _compare(value, live.get(name), f"{path}.{name}" if path else str(name), found, depth + 1)
    elif isinstance(wanted, list) and isinstance(live, list):
        by_name = {item.get("name"): item for item in live if isinstance(item, Mapping)}
        for index, item in enumerate(wanted):
            name = item.get("name") if isinstance(item, Mapping) else None
            other = by_name.get(name) if name is not None else (live[index] if index < len(live) else None)
            _compare(item, other, f"{path}[{name if name is not None else index}]", found, depth + 1)
    elif wanted != live:
        found.append(path)
