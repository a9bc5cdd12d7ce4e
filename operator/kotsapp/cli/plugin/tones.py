"""How good what is shown is: by the word where that says it alone, by the condition where True may be bad."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """The colour on a terminal, as its number."""

    GOOD = "32"
    BAD = "31"
    BUSY = "33"


@dataclass(frozen=True, slots=True)
class Toned:
    """A cell of a table with its tone, None for a plain one."""

    text: str
    tone: Tone | None

    def __str__(self) -> str:
        return self.text


_WORDS = {
    **dict.fromkeys(("Ready", "Public", "Running", "Succeeded"), Tone.GOOD),
    **dict.fromkeys(("Degraded", "Unavailable", "Missing", "NotFound", "Error", "Unreachable"), Tone.BAD),
    **dict.fromkeys(("undecided", "Warning", "Failed", "CrashLoopBackOff"), Tone.BAD),
    **dict.fromkeys(("ErrImagePull", "ImagePullBackOff"), Tone.BAD),
    **dict.fromkeys(
        ("Progressing", "Updating", "Pending", "Suspended", "RateLimited", "LicenseExpiringSoon"), Tone.BUSY
    ),
}
_STATUSES = {"True": Tone.GOOD, "False": Tone.BAD, "Unknown": Tone.BUSY}
# Of these True is what a person has to know; they are not there while they are False.
_ABNORMAL = {"Stalled": Tone.BAD, "Reconciling": Tone.BUSY, "Suspended": Tone.BUSY}


def by_word(text: str) -> Tone | None:
    return _WORDS.get(text)


def of_condition(type_: str, status: str) -> Tone | None:
    """A condition's tone: True is good, but not of a condition that says that something is wrong."""
    if type_ in _ABNORMAL:
        return _ABNORMAL[type_] if status == "True" else None
    return _STATUSES.get(status)


def condition(type_: str, status: str, reason: str) -> tuple[Toned, Toned]:
    """The cells of its status and reason."""
    tone = of_condition(type_, status)
    return Toned(status, tone), Toned(reason, by_word(reason) or tone)


def verified(status: str) -> Toned:
    """Whether the proxy serves an image to the license."""
    return Toned(status, _STATUSES.get(status))


def verdict(word: str, *, routed: bool) -> Toned:
    """A verdict; one that decides nothing is less bad where older evidence stands in for it."""
    tone = by_word(word)
    return Toned(word, Tone.BUSY if routed and tone is Tone.BAD else tone)
