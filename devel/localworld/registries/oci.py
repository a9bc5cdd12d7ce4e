"""Images that something else built, read from an OCI image layout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localworld.registries.image import Image, Manifest

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> Image:
    """The one image of a layout; ValueError when it holds none, or more than one."""
    index = json.loads((folder / "index.json").read_text())
    if len(index["manifests"]) != 1:
        raise ValueError(f"{folder} holds {len(index['manifests'])} images, one was expected")
    described = index["manifests"][0]
    top = Manifest(described["mediaType"], _blob(folder, described["digest"]))
    content = json.loads(top.content)
    digests = [part["digest"] for part in (content["config"], *content["layers"])]
    return Image(top=top, blobs={digest: _blob(folder, digest) for digest in digests})


def _blob(folder: Path, digest: str) -> bytes:
    algorithm, _, value = digest.partition(":")
    return (folder / "blobs" / algorithm / value).read_bytes()
