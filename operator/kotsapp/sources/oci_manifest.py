"""Which layer of an OCI artifact is the chart or the release. Pure: bytes in, a layer or one clear problem out."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.license.document import parse_json
from kotsapp.sources.limits import MAX_ARCHIVE, MIB
from kotsapp.text import listed, printable

CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
FLUX = "application/vnd.cncf.flux.content.v1.tar+gzip"
# Both spellings of a packed folder: OCI's, and Docker's.
_PACKED = ("tar+gzip", ".tar.gzip")
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DIGEST = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")
_MAX_SHOWN = 3
_MAX_TYPE = 100


class NoArtifactError(ValueError):
    """A manifest without one layer that can be used; the message says what there is instead."""


@dataclass(frozen=True, slots=True)
class Layer:
    """``digest`` is of a known algorithm, ``size`` in bytes and within the bound."""

    media_type: str
    digest: str
    size: int


def is_digest(text: str) -> bool:
    """Whether this is a digest that can be verified here."""
    return _DIGEST.fullmatch(text) is not None


def matches(content: bytes, digest: str) -> bool:
    """Whether the content has that digest."""
    algorithm, _, value = digest.partition(":")
    return hmac.compare_digest(hashlib.new(algorithm, content).hexdigest(), value)


def layer_of(manifest: bytes) -> Layer:
    """The layer to fetch: Helm's, else Flux's, else the only one that is a packed folder. Raises NoArtifactError."""
    try:
        document = parse_json(manifest)
    except ValueError as error:
        raise NoArtifactError(f"its manifest can't be read: {error}") from None
    if not isinstance(document, dict):
        raise NoArtifactError("its manifest is not a JSON object")
    if document.get("mediaType") in _INDEXES or "manifests" in document:
        raise NoArtifactError("it is an index of images for several platforms, not a chart or an artifact")
    found = document.get("layers")
    layers = [layer for layer in found if isinstance(layer, dict)] if isinstance(found, list) else []
    return _checked(_chosen(layers))


def _chosen(layers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    for wanted in (CHART, FLUX):
        for layer in layers:
            if layer.get("mediaType") == wanted:
                return layer
    packed = [layer for layer in layers if str(layer.get("mediaType")).endswith(_PACKED)]
    if len(packed) == 1:
        return packed[0]
    if packed:
        raise NoArtifactError(f"it has {len(packed)} layers that are packed folders, as images have: one is wanted")
    types = listed(sorted({_shown(layer.get("mediaType")) for layer in layers}), _MAX_SHOWN) or "none"
    raise NoArtifactError(f"it has no layer that is a chart or a packed folder (tar+gzip); its layers are: {types}")


def _checked(layer: Mapping[str, Any]) -> Layer:
    digest, size = layer.get("digest"), layer.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise NoArtifactError("the digest of its layer is none of sha256 or sha512")
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise NoArtifactError("its layer has no size")
    if size > MAX_ARCHIVE:
        raise NoArtifactError(f"its layer has {size} bytes, and at most {MAX_ARCHIVE // MIB} MiB are read")
    return Layer(_shown(layer.get("mediaType")), digest, size)


def _shown(media_type: Any) -> str:
    return printable(str(media_type)[:_MAX_TYPE])
