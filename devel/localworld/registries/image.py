"""Tiny real images: a config and one layer each, in one platform or behind an index (OCI image spec)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from functools import cache

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PLATFORMS = ("amd64", "arm64")


@dataclass(frozen=True, slots=True)
class Content:
    """What is in an image: executable files and links by path, and the parts of its config that say how it runs."""

    files: tuple[tuple[str, bytes], ...]
    links: tuple[tuple[str, str], ...] = ()
    run: tuple[str, ...] = ()

    def config(self, reference: str) -> dict[str, object]:
        """The config's `config` for the image of that reference."""
        return {
            "Labels": {"localworld.reference": reference},
            "Env": ["PATH=/bin", f"IMAGE={reference}"],
            "Cmd": list(self.run),
        }


# Nothing can run it: what a node that runs no containers needs is a manifest, and a layer that it may ask for.
GREETING = Content(files=(("hello", b"hello from the local world\n"),), run=("/hello",))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index as it is sent: its media type, its bytes and the digest of those."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """`sha256:` and the hex digest of the bytes."""
        return _digest(self.content)


@dataclass(frozen=True, slots=True)
class Image:
    """What to push, in order: the blobs by digest, the manifests of single platforms, and the tagged one on top."""

    top: Manifest
    platforms: tuple[Manifest, ...] = ()
    blobs: dict[str, bytes] = field(default_factory=dict)


def build(reference: str, content: Content = GREETING, *, multi_arch: bool = False) -> Image:
    """An image that carries its reference in a label, so that two references never share a digest."""
    platforms = PLATFORMS if multi_arch else PLATFORMS[:1]
    blobs: dict[str, bytes] = {}
    manifests = [_platform(reference, content, platform, blobs) for platform in platforms]
    if not multi_arch:
        return Image(top=manifests[0], blobs=blobs)
    entries = [
        {**described(MANIFEST, manifest.content), "platform": {"os": "linux", "architecture": platform}}
        for platform, manifest in zip(platforms, manifests, strict=True)
    ]
    index = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    return Image(top=Manifest(INDEX, index), platforms=tuple(manifests), blobs=blobs)


def _platform(reference: str, inside: Content, architecture: str, blobs: dict[str, bytes]) -> Manifest:
    layer, diff_id = _layer(inside)
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": inside.config(reference),
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    )
    blobs[_digest(config)] = config
    blobs[_digest(layer)] = layer
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(_CONFIG, config),
        "layers": [described(_LAYER, layer)],
    }
    return Manifest(MANIFEST, _json(content))


@cache
def _layer(content: Content) -> tuple[bytes, str]:
    """The one layer of an image, compressed, and the digest of its tar."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for path, data in content.files:
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
        for path, target in content.links:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(entry)
    return gzip.compress(tar.getvalue(), mtime=0), _digest(tar.getvalue())


def described(media_type: str, content: bytes) -> dict[str, object]:
    """The descriptor of a content (OCI image spec)."""
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
