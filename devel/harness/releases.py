"""Releases in the manner of real ones (tests/release/data): a vendor's files, and the charts beside them."""

from __future__ import annotations

import re
from pathlib import Path

from harness.charts import pack_folder
from harness.packing import pack

DATA = Path(__file__).parents[2] / "tests" / "release" / "data"
NAMES = sorted(folder.name for folder in (DATA / "releases").iterdir())
# What a person has to answer; every other release needs nothing.
ANSWERS: dict[str, dict[str, str]] = {"web-shop": {"hostname": "shop.example.com"}}


def charts() -> dict[str, bytes]:
    """Every chart that the releases ask for, packed, by its file's name."""
    folders = sorted(path for path in (DATA / "charts").glob("*/*") if path.is_dir())
    return {f"{folder.parent.name}.tgz": pack_folder(folder) for folder in folders}


def release(name: str) -> dict[str, bytes]:
    """The files of a release by their names, with those of the charts that it names."""
    files = {path.name: path.read_bytes() for path in sorted((DATA / "releases" / name).iterdir())}
    text = b"\n".join(files.values()).decode()
    asked = set(re.findall(r"chart:\s*\{?\s*name: ([\w-]+)", text))
    return files | {file: data for file, data in charts().items() if file.rpartition("-")[0] in asked}


def archive(files: dict[str, bytes]) -> bytes:
    """As a vendor's release server sends them."""
    return pack(files)
