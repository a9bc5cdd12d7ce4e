"""Where an image reference points, as a container runtime reads it (distribution reference grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass

HUB = "docker.io"
_HUB_NAMES = {"docker.io", "index.docker.io", "registry-1.docker.io"}
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class InvalidReferenceError(ValueError):
    """The text is no image reference."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`host` is as in registries.yaml (Docker Hub is always docker.io); `repository` as the registry knows it.

    `selector` is a digest when there is one, since a digest outranks a tag, else the tag.
    """

    host: str
    repository: str
    selector: str

    @property
    def by_digest(self) -> bool:
        """Whether the selector is a digest."""
        return ":" in self.selector


def parse(text: str) -> Reference:
    """Read a reference; InvalidReferenceError when it is none."""
    rest, _, digest = text.partition("@")
    head, slash, tail = rest.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        host, rest = head, tail
    else:
        host = HUB
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    if host in _HUB_NAMES:
        host = HUB
        name = name if "/" in name else f"library/{name}"
    if not _NAME.fullmatch(name) or (tag and not _TAG.fullmatch(tag)) or (digest and not _DIGEST.fullmatch(digest)):
        raise InvalidReferenceError(f"couldn't parse image name {text!r}: invalid reference format")
    return Reference(host, name, digest or tag or "latest")
