"""Durations as people type them; each raises ArgumentTypeError with what was expected and found."""

import argparse
import re
from datetime import timedelta

from kotsapp.api.durations import parse_duration

# Seconds for asking about one image: a person is waiting, and beyond the longest a registry is down.
DEFAULT_TIMEOUT = 10.0
MAX_TIMEOUT = 600.0
# For waiting on an app: databases that migrate take hours, and nobody waits longer than a day.
MAX_WAIT = 86400.0
_DAY = 86400.0


def seconds(text: str) -> float:
    """A duration as kubectl takes them, such as 90s or 1m30s; a number alone means seconds."""
    value = _duration(text)
    if not 0 < value <= MAX_TIMEOUT:
        raise argparse.ArgumentTypeError(f"expected a duration such as 10s, at most 10m, found {text!r}")
    return value


def waiting(text: str) -> float:
    """As ``seconds``, for what takes as long as an app takes."""
    value = _duration(text)
    if not 0 < value <= MAX_WAIT:
        raise argparse.ArgumentTypeError(f"expected a duration such as 90s or 10m, at most 24h, found {text!r}")
    return value


def period(text: str) -> timedelta:
    """A longer duration, also in days, such as 30d or 12h; a number alone is refused, since it would mean seconds."""
    days = re.fullmatch(r"([0-9]{1,5})d", text)
    value = int(days[1]) * _DAY if days else _duration(text)
    if value <= 0 or text[-1:].isdigit():
        raise argparse.ArgumentTypeError(f"expected a duration such as 30d or 12h, found {text!r}")
    return timedelta(seconds=value)


def _duration(text: str) -> float:
    """Seconds, 0 for what is no duration."""
    try:
        return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) else parse_duration(text)
    except ValueError:
        return 0.0
