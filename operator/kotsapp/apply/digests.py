"""Digests that show whether an object is still what was applied.

Server-side apply records the fields that a manager owns. Whoever changes or removes one of them takes it from that
record, so a digest of the record is enough to notice drift: no copy of the object, no comparison of values that the
server may have normalised, and metadata alone shows it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# 64 bits are enough for two states of one object; status lists one digest of each sort for every object.
DIGEST_BYTES = 8
STATUS = "status"  # the subresource that controllers write to; changing a spec through `scale` is changing the spec


def digest(value: Any) -> str:
    """A short digest of a JSON value, the same for equal values."""
    return _digest(value, b"")


def _digest(value: Any, key: bytes) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES, key=key).hexdigest()


def object_digest(obj: Mapping[str, Any], digest_key: bytes) -> str:
    """A digest of a whole object. A Secret's is keyed with ``digest_key``, which whoever sees the digest must not know:
    against a plain one, guesses of a password could be tried."""
    if (obj.get("apiVersion"), obj.get("kind")) != ("v1", "Secret"):
        return digest(obj)
    key = hashlib.blake2b(digest_key, digest_size=hashlib.blake2b.MAX_KEY_SIZE).digest()
    return _digest(obj, key)


def owned_fields(metadata: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    """The fieldsV1 that ``manager`` applied, None when there is no such entry."""
    for entry in metadata.get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields: Mapping[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return None


def fields_digest(metadata: Mapping[str, Any], manager: str) -> str:
    """A digest of the fields that ``manager`` owns; empty when it owns none."""
    fields = owned_fields(metadata, manager)
    return "" if fields is None else digest(fields)


def managers(metadata: Mapping[str, Any]) -> list[str]:
    """Everybody who manages fields of the object, status aside."""
    entries = metadata.get("managedFields") or ()
    return sorted({str(e.get("manager")) for e in entries if e.get("subresource") != STATUS})


def other_managers(metadata: Mapping[str, Any], manager: str) -> list[str]:
    """Everybody else who manages fields of the object, status aside."""
    return [name for name in managers(metadata) if name != manager]
