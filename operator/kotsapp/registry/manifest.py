"""What a manifest answer says: the headers that show a manifest, the body that proves one, an error's code."""

import json
from collections.abc import Mapping

from kotsapp.images.reference import Reference
from kotsapp.registry.evidence import error_code
from kotsapp.registry.limits import MAX_MANIFEST_PARTS

MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join(MEDIA_TYPES)
# Schema 1 can't be asked for any more, but a registry that still has nothing else serves it to any pull.
_KNOWN_TYPES = frozenset(MEDIA_TYPES) | {
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
}
_VAGUE_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})


def has_manifest_headers(headers: Mapping[str, str]) -> bool:
    """True when a 200's headers alone say manifest: its media type, or a vague type with the manifest's digest."""
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type in _KNOWN_TYPES:
        return True
    return media_type in _VAGUE_TYPES and ":" in headers.get("Docker-Content-Digest", "")


def is_manifest_body(body: bytes) -> bool:
    """True for a JSON object that has a schemaVersion, as every manifest and index does."""
    if body.count(b"{") + body.count(b"[") > MAX_MANIFEST_PARTS:
        return False
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("schemaVersion"), int)


def other_digest(reference: Reference, headers: Mapping[str, str]) -> bool:
    """True when the reference's digest was asked for and the answer says it is another one's."""
    served = headers.get("Docker-Content-Digest", "")
    if reference.digest is None or not served:
        return False
    same_algorithm = served.partition(":")[0] == reference.digest.partition(":")[0]
    return same_algorithm and served != reference.digest


def first_code(body: bytes) -> str | None:
    """The first error code in an error body: the distribution spec's form, or a token service's own forms."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return error_code(errors[0].get("code"))
    return error_code(document.get("code"))
