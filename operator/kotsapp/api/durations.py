"""Durations as Kubernetes resources write them."""

from kotsapp.regexes import regex

_PART = regex(r"([0-9]++(?:\.[0-9]++)?)(ms|s|m|h)")
_DAYS = regex(r"[0-9]d")
# Go's durations end at about 292 years; nothing here waits that long.
_LONGEST = 292 * 365 * 86400.0
_MOST_QUOTED = 40
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of a Go-style duration such as ``1h30m`` or ``250ms``; raises ValueError."""
    seconds, end = 0.0, 0
    while (part := _PART.match(text, end)) is not None:
        seconds += float(part[1]) * _SECONDS[part[2]]
        end = part.end()
    if not text or end != len(text) or seconds > _LONGEST:
        days = "; there are no days: write 24h for 1d" if _DAYS.search(text[:_MOST_QUOTED]) else ""
        raise ValueError(f"{text[:_MOST_QUOTED]!r} is not a duration such as 10s, 5m or 1h30m{days}")
    return seconds
