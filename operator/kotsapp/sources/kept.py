"""What was fetched last, kept in Secrets of the KotsApp, so that a source that is down changes nothing. Pure.

One Secret, ``<app>.sources``, lists what is kept of each source; the contents are in others, named by their digests and
cut into parts. Contents are written first, then that one Secret, then what it names no more goes: a write that is cut
off leaves what was there.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kotsapp.names import GROUP
from kotsapp.release import kept_in_secrets
from kotsapp.release.kept_in_secrets import PART_BYTES, Secret
from kotsapp.sources.artifact import Artifact, digest_of
from kotsapp.sources.limits import MAX_ARCHIVE

SECRET_TYPE = f"{GROUP}/sources.v1"
# Which KotsApp a kept source is of.
SOURCES_LABEL = f"{GROUP}/sources-of"
# gzip adds a little to what can't be packed any more.
MAX_PARTS = MAX_ARCHIVE // PART_BYTES + 2
_FORMAT = 1
_INDEX, _CONTENT = "index", "content"
_SHOWN_DIGITS = 16
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class KeptSourceError(ValueError):
    """What is kept can't be used; the message says why, and nothing that it holds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one source, but for its content, which is in ``parts`` Secrets.

    ``opened_by`` identifies the license with which it was fetched: it is used for no other.
    """

    revision: str
    digest: str
    file_name: str
    size: int
    parts: int
    opened_by: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def artifact(self, content: bytes) -> Artifact:
        return Artifact(self.revision, self.digest, content, self.file_name, self.facts)


def index_name(app: str) -> str:
    return f"{app}.sources"


def part_names(app: str, entry: Entry) -> list[str]:
    """The names of the Secrets with its content, such as ``my-app.source.0a1b2c…`` and ``my-app.source.0a1b2c….1``."""
    name = f"{app}.source.{entry.digest.partition(':')[2][:_SHOWN_DIGITS]}"
    return [name + (f".{number}" if number else "") for number in range(entry.parts)]


def pack(artifact: Artifact, opened_by: str) -> tuple[Entry, bytes]:
    """The artifact's entry, and its content as it is kept. Takes a while for a large one."""
    packed = gzip.compress(artifact.content, compresslevel=1, mtime=0)
    parts = -(-len(packed) // PART_BYTES)
    size = len(artifact.content)
    entry = Entry(artifact.revision, artifact.digest, artifact.file_name, size, parts, opened_by, artifact.facts)
    return entry, packed


def part_secrets(app: str, entry: Entry, packed: bytes, metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The Secrets with its content, made one at a time; ``metadata`` (namespace, owners) is that of each."""
    for name, part in zip(part_names(app, entry), kept_in_secrets.parts(packed), strict=True):
        yield _secret(app, name, {_CONTENT: part}, metadata)


def index_secret(app: str, entries: Mapping[str, Entry], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The Secret that lists what is kept, by the sources' names."""
    plain = {"format": _FORMAT, "sources": _adapter().dump_python(dict(entries), mode="json")}
    return _secret(app, index_name(app), {_INDEX: json.dumps(plain, separators=(",", ":")).encode()}, metadata)


def read_index(secret: Secret) -> dict[str, Entry]:
    """What is kept, by the sources' names. Raises KeptSourceError."""
    name = str(secret["metadata"]["name"])
    try:
        document = json.loads(_value(secret, _INDEX, name))
        if document.get("format") != _FORMAT:
            raise KeptSourceError(f"Secret {name} is of another version of the operator")
        entries = _adapter().validate_python(document["sources"])
    except KeptSourceError:
        raise
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, ValidationError):
        raise KeptSourceError(f"Secret {name} was changed by somebody else") from None
    if not all(map(_is_possible, entries.values())):
        raise KeptSourceError(f"Secret {name} was changed by somebody else")
    return entries


def read_content(app: str, entry: Entry, found: Mapping[str, Secret | None]) -> Artifact:
    """The whole artifact, from the Secrets of ``part_names``. Raises KeptSourceError for any other content."""
    packed = bytearray()
    for name in part_names(app, entry):
        part = found.get(name)
        if part is None:
            raise KeptSourceError(f"Secret {name} is missing")
        packed += _value(part, _CONTENT, name)
    try:
        content = kept_in_secrets.unpacked(packed, entry.size)
    except ValueError:
        content = b""
    if digest_of(content) != entry.digest:
        raise KeptSourceError(f"Secret {part_names(app, entry)[0]} was changed by somebody else")
    return entry.artifact(content)


def _is_possible(entry: Entry) -> bool:
    """Whether ``pack`` may have made it: names of Secrets are made of the digest."""
    known = _DIGEST.fullmatch(entry.digest) is not None
    return known and 0 < entry.parts <= MAX_PARTS and 0 <= entry.size <= MAX_ARCHIVE


def _secret(app: str, name: str, data: Mapping[str, bytes], metadata: Mapping[str, Any]) -> dict[str, Any]:
    return kept_in_secrets.secret(name, SECRET_TYPE, data, {**metadata, "labels": {SOURCES_LABEL: app}})


def _value(secret: Secret, key: str, name: str) -> bytes:
    try:
        return kept_in_secrets.value(secret, key)
    except ValueError:
        raise KeptSourceError(f"Secret {name} was changed by somebody else") from None


@cache
def _adapter() -> TypeAdapter[dict[str, Entry]]:
    return TypeAdapter(dict[str, Entry])
