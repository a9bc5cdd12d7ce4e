"""One rendering a release (DESIGN 6.5): what a release came to, kept in Secrets of the KotsApp until an input changes.

Charts and template calls draw passwords and certificates: rendered anew because time passes, the operator restarts or
something is repaired, an app would get new ones, and lose what the old ones open. Values in, values out.
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kotsapp.names import GROUP
from kotsapp.regexes import regex
from kotsapp.release import codec, kept_in_secrets
from kotsapp.release.kept_in_secrets import Secret
from kotsapp.release.reader import Release
from kotsapp.release.upgrade import ChartRecord

SECRET_TYPE = f"{GROUP}/release.v1"
# Which KotsApp a stored release is of; no label of the app's objects, so that it is none of them.
RELEASE_LABEL = f"{GROUP}/release-of"
REVISION_LABEL = f"{GROUP}/revision"
# Which version of its release a revision is of: in an annotation, since a label takes no text that a vendor thought of.
VERSION_ANNOTATION = f"{GROUP}/release-version"
# Text of a release as it is stored: what the reading of one may take in (release/budget.py), and half of that for what
# aliases repeat and for the drawn values.
MAX_TEXT = 24 * 1024 * 1024
MAX_PARTS = 16
# Packed, of a release that need not be kept: the operator has it at hand for as long as the app is there.
MAX_AT_HAND = 8 * 1024
_FORMAT = 1
_DATA, _PARTS, _DIGEST = "release", "parts", "digest"
_DIGEST_FORM = regex(r"[0-9a-f]{64}")


class StoredReleaseError(ValueError):
    """A stored release can't be used; the message says why, and nothing that it holds."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class StoredRelease:
    """A rendered release, with what it was rendered from.

    ``revision`` is 0 for one that needn't be kept. ``inputs`` is a digest of what it was rendered from,
    ``content_inputs`` one that files have in common that hold the same. ``facts`` are
    digests of what it used of the license,
    ``local_images`` is what ``LocalImageName`` answered. ``request`` is the ``kotsapp.dev/renderAt`` that was acted on,
    ``rendered_at`` is RFC 3339. ``charts`` are the release's charts, in the order that ``chart_numbers`` count;
    ``looked_up_as`` is the account as which they may have looked up, empty for none, None where none of them does.
    ``version`` is the release's, empty where it is not known; it is for people alone.
    """

    revision: int
    inputs: str
    rendered_at: str
    release: Release
    facts: Mapping[str, str] = field(default_factory=dict)
    local_images: Mapping[str, str] = field(default_factory=dict)
    request: str = ""
    charts: tuple[ChartRecord, ...] = ()
    looked_up_as: str | None = None
    content_inputs: str = ""
    version: str = ""


def is_kept(release: Release) -> bool:
    """Whether rendering the release again could come to something else: it has charts, or calls that were filled in."""
    return bool(release.charts or release.has_calls)


def secrets(stored: StoredRelease, app: str, metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Secrets that hold it, the first of them last: whoever finds that one finds all.

    ``metadata`` (namespace, labels, owners) is that of each. Raises StoredReleaseError for one that is too large.
    """
    text = _text_of(stored)
    content = gzip.compress(text, compresslevel=6, mtime=0)
    parts = list(kept_in_secrets.parts(content))
    if len(parts) > MAX_PARTS or len(text) > MAX_TEXT:
        raise StoredReleaseError(
            f"the rendered release is too large to be kept: {len(text)} bytes of at most {MAX_TEXT}"
        )
    digest = hashlib.sha256(content).hexdigest()
    made = []
    for number, part in enumerate(parts):
        labels = {**metadata["labels"], RELEASE_LABEL: app, REVISION_LABEL: str(stored.revision)}
        data = {_DATA: part}
        if number == 0:
            data |= {_PARTS: str(len(parts)).encode(), _DIGEST: digest.encode()}
        name = secret_name(app, stored.revision, number)
        annotated = {"annotations": {VERSION_ANNOTATION: stored.version}} if stored.version else {}
        made.append(kept_in_secrets.secret(name, SECRET_TYPE, data, {**metadata, **annotated, "labels": labels}))
    return made[::-1]


def at_hand(stored: StoredRelease) -> bytes | None:
    """It packed, to be read by ``unpacked`` at the next look; None for one that is too large to be held for that."""
    content = gzip.compress(_text_of(stored), compresslevel=1, mtime=0)
    return content if len(content) <= MAX_AT_HAND else None


def unpacked(content: bytes) -> StoredRelease:
    """What ``at_hand`` has packed."""
    found: StoredRelease = codec.from_json(StoredRelease, json.loads(gzip.decompress(content))["stored"])
    return found


def secret_name(app: str, revision: int, part: int) -> str:
    """The name of one part of one revision, such as ``my-app.release.v3`` and ``my-app.release.v3.1``."""
    return f"{app}.release.v{revision}" + (f".{part}" if part else "")


def revisions(found: Iterable[Secret]) -> dict[int, list[Secret]]:
    """The Secrets of each revision, newest first; what has no revision is left out."""
    by_revision: dict[int, list[Secret]] = {}
    for secret in found:
        number = str((secret["metadata"].get("labels") or {}).get(REVISION_LABEL))
        if secret.get("type") == SECRET_TYPE and number.isdecimal() and len(number) < 10:
            by_revision.setdefault(int(number), []).append(secret)
    return dict(sorted(by_revision.items(), reverse=True))


def is_whole(found: Sequence[Secret], app: str, revision: int) -> bool:
    """Whether the first part is there: it is written last."""
    return any(secret["metadata"]["name"] == secret_name(app, revision, 0) for secret in found)


@dataclass(frozen=True, slots=True)
class Packed:
    """A stored release as its Secrets hold it, not looked into: who may write Secrets may have written it."""

    content: bytes = field(repr=False)
    name: str
    revision: int


def part_names(app: str, revision: int) -> list[str]:
    """The names that the Secrets of a revision may have."""
    return [secret_name(app, revision, part) for part in range(MAX_PARTS)]


def packed(found: Sequence[Secret], app: str, revision: int) -> Packed:
    """What these Secrets hold together; raises StoredReleaseError when that is not one release, whole."""
    by_name = {str(secret["metadata"]["name"]): secret for secret in found}
    first = by_name.get(secret_name(app, revision, 0))
    if first is None:
        raise StoredReleaseError(f"Secret {secret_name(app, revision, 0)} is missing")
    name = secret_name(app, revision, 0)
    count, digest = _text(first, _PARTS, name), _text(first, _DIGEST, name)
    if not count.isdecimal() or not 0 < int(count) <= MAX_PARTS or not _DIGEST_FORM.fullmatch(digest):
        raise StoredReleaseError(f"Secret {name} was changed by somebody else")
    pieces = []
    for number in range(int(count)):
        part = secret_name(app, revision, number)
        if part not in by_name:
            raise StoredReleaseError(f"Secret {part} is missing")
        pieces.append(_value(by_name[part], _DATA, part))
    content = b"".join(pieces)
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoredReleaseError(f"Secret {name} was changed by somebody else")
    return Packed(content, name, revision)


def _text_of(stored: StoredRelease) -> bytes:
    plain = codec.to_json(replace(stored, release=replace(stored.release, charts=(), filler=None)))
    return json.dumps({"format": _FORMAT, "stored": plain}, ensure_ascii=False, separators=(",", ":")).encode()


def read(packed: Packed) -> StoredRelease:
    """The release; to be done in a reader's child. Raises StoredReleaseError for what is none."""
    name = packed.name
    try:
        document = json.loads(kept_in_secrets.unpacked(packed.content, MAX_TEXT))
        if document.get("format") != _FORMAT:
            raise StoredReleaseError(f"Secret {name} is of another version of the operator")
        stored: StoredRelease = codec.from_json(StoredRelease, document["stored"])
    except StoredReleaseError:
        raise
    except (ValueError, KeyError, AttributeError, RecursionError, TypeError):
        raise StoredReleaseError(f"Secret {name} does not hold a release that can be read") from None
    if stored.revision != packed.revision:
        raise StoredReleaseError(f"Secret {name} was changed by somebody else")
    return stored


def _text(secret: Secret, key: str, name: str) -> str:
    return _value(secret, key, name).decode("ascii", "replace")


def _value(secret: Secret, key: str, name: str) -> bytes:
    try:
        return kept_in_secrets.value(secret, key)
    except ValueError:
        raise StoredReleaseError(f"Secret {name} was changed by somebody else") from None
