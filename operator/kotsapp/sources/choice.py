"""Which release of a channel comes next. Pure (DESIGN 6.1).

Without a wanted version the channel's head is followed; with one that version stays, and newer ones are listed. A
required release between the current one and the wanted one is rolled out first, and the next waits until it is Ready:
it may hold a migration that the later ones rest on.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pending:
    """A release of the channel that is newer than the current one. ``created_at`` is as the server wrote it."""

    channel_sequence: int
    version_label: str
    is_required: bool = False
    created_at: str = ""
    release_notes: str = ""


@dataclass(frozen=True, slots=True)
class Current:
    """The release that was fetched last; ``is_ready`` says that it is rolled out, and Ready."""

    channel_sequence: int
    version_label: str
    is_required: bool = False
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class Stay:
    """The current one is used on; ``awaits_ready`` says that another one follows when it is Ready."""

    awaits_ready: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """Another one is fetched: by its place in the channel, else by its version, else the channel's head."""

    channel_sequence: int | None = None
    version_label: str | None = None
    release_notes: str = ""


def choose(current: Current | None, wanted: str | None, pending: Sequence[Pending]) -> Stay | Fetch:
    """What to do. ``wanted`` is a version label, None for the channel's head; ``pending`` come in any order.

    A version that is neither the current one nor pending is an older one, to which somebody goes back: it is fetched at
    once, whatever state the current one is in.
    """
    if current is None:
        return Fetch(version_label=wanted)
    newer = sorted(
        {one.channel_sequence: one for one in pending if one.channel_sequence > current.channel_sequence}.values(),
        key=lambda one: one.channel_sequence,
    )
    if wanted is None:
        target = newer[-1] if newer else None
    elif wanted == current.version_label:
        target = None
    else:
        target = next((one for one in reversed(newer) if one.version_label == wanted), None)
        if target is None:
            return Fetch(version_label=wanted)
    if target is None:
        return Stay()
    if current.is_required and not current.is_ready:
        return Stay(awaits_ready=True)
    until_target = [one for one in newer if one.channel_sequence <= target.channel_sequence]
    step = next((one for one in until_target if one.is_required), target)
    return Fetch(step.channel_sequence, release_notes=step.release_notes)


def newer_than(channel_sequence: int, pending: Sequence[Pending]) -> list[Pending]:
    """The releases after this one, newest first."""
    newer = {one.channel_sequence: one for one in pending if one.channel_sequence > channel_sequence}
    return [newer[sequence] for sequence in sorted(newer, reverse=True)]
