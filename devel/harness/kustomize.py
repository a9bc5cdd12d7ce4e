"""What the real kubectl's kustomize makes of a folder."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kotsapp.manifests.documents import load
from kotsapp.render.kustomize import Layout


def kubectl() -> str:
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        pytest.fail("kubectl is missing: it comes with the development requirements")
    return found


def write(files: Layout, folder: Path) -> None:
    for name, text in files.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def kustomize(folder: Path) -> list[dict[str, Any]]:
    command = [kubectl(), "kustomize", str(folder / "overlays/midstream")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return load(done.stdout, "kubectl kustomize")


def by_identity(objects: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in objects}
