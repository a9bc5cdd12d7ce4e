"""The folder that a world lives in."""

from __future__ import annotations

import shutil
from pathlib import Path

MARKER = "localworld.json"


def fresh(folder: Path) -> Path:
    """Make the folder, emptied if it holds an earlier world; FileExistsError when it holds anything else."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise FileExistsError(f"{folder} is not empty and holds no earlier world: name another folder")
        shutil.rmtree(folder)
    (folder / "logs").mkdir(parents=True)
    (folder / MARKER).write_text("{}")
    folder.chmod(0o700)
    return folder
