"""The list of releases that a channel has after the current one, read from JSON that somebody else wrote."""

from collections.abc import Mapping
from typing import Any

from kotsapp.license.document import parse_json
from kotsapp.sources.choice import Pending
from kotsapp.sources.errors import SourceContentError
from kotsapp.sources.limits import MAX_LABEL, MAX_NOTES, MAX_PENDING
from kotsapp.text import printable


def read(body: bytes, host: str) -> tuple[Pending, ...]:
    """The releases of ``{"channelReleases": [...]}``; bounded in size and nesting. Raises SourceContentError."""
    try:
        document = parse_json(body)
    except ValueError as error:
        raise SourceContentError(f"{host} sent a list of releases that can't be read: {error}") from None
    releases: Any = document.get("channelReleases") if isinstance(document, dict) else None
    if releases is None and isinstance(document, dict):
        return ()
    if not isinstance(releases, list):
        raise SourceContentError(f"{host} sent a list of releases that can't be read: channelReleases is not a list")
    if len(releases) > MAX_PENDING:
        raise SourceContentError(f"{host} sent a list of {len(releases)} releases; at most {MAX_PENDING} are read")
    return tuple(_release(one, host) for one in releases)


def _release(entry: Any, host: str) -> Pending:
    sequence = entry.get("channelSequence") if isinstance(entry, dict) else None
    if isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 0:
        raise SourceContentError(f"{host} sent a list of releases in which one has no channelSequence")
    return Pending(
        channel_sequence=sequence,
        version_label=text(entry, "versionLabel", MAX_LABEL),
        is_required=entry.get("isRequired") is True,
        created_at=text(entry, "createdAt", MAX_LABEL),
        release_notes=text(entry, "releaseNotes", MAX_NOTES, keep="\n"),
    )


def text(entry: Mapping[str, Any], key: str, most: int, keep: str = "") -> str:
    """A text that people read, at most ``most`` characters of it; empty for anything else."""
    value = entry.get(key)
    return printable(value[:most], keep=keep) if isinstance(value, str) else ""
