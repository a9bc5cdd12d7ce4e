"""Words that every message shares: counts, bounded lists, bounded texts, times."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from kotsapp.regexes import regex

MAX_IN_GROUP = 3
_NOWHERE: Mapping[str, str] = {}
_PROBLEM = regex(r"([A-Z][A-Za-z0-9]*)/([^\s:]+):? (.+)", re.DOTALL)
# Control characters, the ends of lines that Unicode adds, what turns the direction of writing, and half characters,
# which nothing can write. A terminal obeys or hides them.
_UNPRINTABLE = regex(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def counted(number: int, noun: str) -> str:
    """``1 image`` or ``2 images``; a noun whose plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(items: Collection[object], most: int, separator: str = ", ") -> str:
    """``a, b and 3 more``: the first ``most`` items, and how many are left."""
    shown = separator.join(str(item) for item in islice(items, most))
    left = len(items) - most
    if left <= 0:
        return shown
    return f"{shown}{separator if separator != ', ' else ' '}and {left} more"


def grouped(problems: Iterable[str], most: int, places: Mapping[str, str] = _NOWHERE) -> str:
    """Problems of objects, each ``Kind/name: reason``, with those together that have the same reason:
    ``60 ClusterRoles (a, b, c and 57 more), Role/a: reason``; the first ``most`` reasons, and how many more there are.
    ``places`` say by problem where its object stands, which is shown for those that are named one by one.
    """
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for problem in problems:
        found = _PROBLEM.fullmatch(problem)
        kind, name, reason = found.groups() if found else ("", problem, "")
        groups.setdefault((kind, reason.replace(f'"{name}"', '"*"') if found else problem), {})[name] = problem
    reasons: dict[str, dict[str, dict[str, str]]] = {}
    for (kind, reason), named in groups.items():
        reasons.setdefault(reason, {})[kind] = named
    lines = [line for reason, kinds in reasons.items() for line in _together(reason, kinds, most, places)]
    return listed(lines, most, "; ")


def _together(reason: str, kinds: Mapping[str, Mapping[str, str]], most: int, places: Mapping[str, str]) -> list[str]:
    """The lines of one reason: one for all kinds, or where few objects have it one for each object."""
    if sum(map(len, kinds.values())) < MAX_IN_GROUP:
        return [_placed(problem, places.get(problem)) for named in kinds.values() for problem in named.values()]
    subjects = [subject for kind, named in kinds.items() for subject in _subjects(kind, named, places)]
    return [f"{listed(subjects, most)}: {reason}"]


def _subjects(kind: str, problems: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    if len(problems) < MAX_IN_GROUP:
        return [_placed(f"{kind}/{name}", places.get(problem)) for name, problem in problems.items()]
    return [f"{len(problems)} {_plural(kind)} ({listed(problems.keys(), MAX_IN_GROUP)})"]


def _placed(problem: str, place: str | None) -> str:
    # A command stays the last of its message, to be copied.
    return problem if place is None or " kubectl " in problem else f"{problem} ({place})"


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return f"{kind[:-1]}ies"
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def shortened(text: str, most: int) -> str:
    """The text in at most ``most`` characters, ``...`` in place of what is cut off."""
    return text if len(text) <= most else text[: most - 3] + "..."


def printable(text: str, *, keep: str = "") -> str:
    """The text for a terminal or a log: what would steer it is escaped, but for the characters in ``keep``."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def json_text(value: Any) -> str:
    """The value as JSON for people and programs, with what would steer a terminal as ``\\u`` and its number."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # Whatever stands outside of its texts is printable, but for the ends of lines.
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text) + "\n"


def _escaped(character: str) -> str:
    number = ord(character)
    return _SHORT.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")


def rfc3339(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC, to the second, as Kubernetes writes times; now by default."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: Any) -> datetime | None:
    """The moment; None for what is no time."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
