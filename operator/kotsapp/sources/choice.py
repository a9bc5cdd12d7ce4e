"""Which release of a channel comes next. Pure (DESIGN 6.1).

Without a wanted version the channel's head is followed; with one that version stays, and newer ones are listed. A
required release between the current one and the wanted one is rolled out first, and the next waits until it is Ready:
it may hold a migration that the later ones rest on.

What is newer is said by the sequence in the channel; where the vendor has turned semantic versions on for it, by the
version: a patch of an older minor that is released later (1.1.1 after 1.2.0) is no step forward then, as in KOTS.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kotsapp.sources import semver


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
    """Another one is fetched: by its sequence in the channel, else by its version, else the channel's head."""

    channel_sequence: int | None = None
    version_label: str | None = None
    release_notes: str = ""


def choose(
    current: Current | None, wanted: str | None, pending: Sequence[Pending], *, by_version: bool = False
) -> Stay | Fetch:
    """What to do. ``wanted`` is a version label, None for the channel's head; ``pending`` come in any order;
    ``by_version`` says that the channel's releases are in the order of their versions.

    A version that is neither the current one nor pending is an older one, to which somebody goes back: it is fetched at
    once, whatever state the current one is in.
    """
    if current is None:
        return Fetch(version_label=wanted)
    newer = newer_than(current, pending, by_version=by_version)[::-1]
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
    until_target = newer[: newer.index(target) + 1]
    step = next((one for one in until_target if one.is_required), target)
    return Fetch(step.channel_sequence, release_notes=step.release_notes)


def newer_than(current: Current, pending: Iterable[Pending], *, by_version: bool = False) -> list[Pending]:
    """The releases after this one, newest first. Where versions count, labels that are none (of releases from before
    the vendor turned them on) are passed over, unless the current one's is none, either."""
    found = {one.channel_sequence: one for one in pending}.values()
    own = semver.tolerant(current.version_label) if by_version else None
    if own is None:
        newer = [one for one in found if one.channel_sequence > current.channel_sequence]
        return sorted(newer, key=lambda one: one.channel_sequence, reverse=True)
    # Of two of one version the later one is newer.
    versions = [
        (version, one.channel_sequence, one) for one in found if (version := semver.tolerant(one.version_label))
    ]
    later = [entry for entry in versions if entry[:2] > (own, current.channel_sequence)]
    return [one for _, _, one in sorted(later, key=lambda entry: entry[:2], reverse=True)]
