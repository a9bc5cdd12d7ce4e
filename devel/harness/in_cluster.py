"""The operator as its users have it: the image that `deploy/build-image` builds, in a world whose node runs it."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from localworld.registries import oci
from localworld.registries.image import Image
from localworld.world import World

ROOT = Path(__file__).parents[2]
NAMESPACE, NAME = "kotsapp-system", "kotsapp-operator"
TAG: str = yaml.safe_load((ROOT / "deploy/base/kustomization.yaml").read_text())["images"][0]["newTag"]
REPOSITORY = "kotsapp-operator/kotsapp-operator"
IMAGE = f"ghcr.io/{REPOSITORY}:{TAG}"
_BUILD_SECONDS = 1800
_ROLL_OUT_SECONDS = 120
# The ConfigMap with what it is told beside what the shipped manifests tell it.
_FILES = "files"


def build() -> Image:
    """Build the image: minutes the first time, seconds when only the operator's code has changed.

    Raises CalledProcessError, with what the script said in ``stderr``.
    """
    with tempfile.TemporaryDirectory(prefix="kotsapp-image-") as folder:
        subprocess.run(
            [str(ROOT / "deploy/build-image"), folder],
            check=True,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
        )
        return oci.read(Path(folder))


def install(world: World, image: Image, keys: Path) -> None:
    """Push the image to where the shipped manifests name it, and apply those by an overlay as a user writes it, which
    tells the operator of the world and the keys."""
    world.registries.make_public("ghcr.io", REPOSITORY)
    world.registries.push_built(IMAGE, image)
    with tempfile.TemporaryDirectory(prefix="kotsapp-overlay-") as name:
        folder = Path(name).resolve()
        files = [world.registries_file, *keys.glob("*.pem")]
        for file in files:
            shutil.copyfile(file, folder / file.name)
        overlay = {
            "resources": [os.path.relpath(ROOT / "deploy", folder)],
            "configMapGenerator": [{"name": _FILES, "namespace": NAMESPACE, "files": [file.name for file in files]}],
            "patches": [{"target": {"kind": "Deployment", "name": NAME}, "patch": json.dumps(_patch())}],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        world.kubectl("apply", "-k", str(folder))
    roll_out(world)


def roll_out(world: World) -> None:
    """Wait until the pod of the Deployment as it is now is ready."""
    arguments = ("rollout", "status", f"deployment/{NAME}", f"--timeout={_ROLL_OUT_SECONDS}s")
    world.kubectl("-n", NAMESPACE, *arguments, seconds=2 * _ROLL_OUT_SECONDS)


def pods(world: World) -> list[dict[str, Any]]:
    """The operator's pods that are not being deleted."""
    selector = f"labelSelector=app.kubernetes.io/name%3D{NAME}"
    found = world.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods?{selector}")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def leader(world: World) -> str:
    """The name of the pod that holds the Lease; empty when none does."""
    lease = world.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{NAME}")
    return str(lease["spec"].get("holderIdentity") or "").rpartition("-")[0]


def logs(world: World) -> str:
    """What every replica printed."""
    return world.kubectl("-n", NAMESPACE, "logs", "-l", f"app.kubernetes.io/name={NAME}", "--tail=-1", "--prefix")


def install_chart(world: World, image: Image, keys: Path, chart: Path) -> None:
    """As ``install``, by the real helm."""
    world.registries.make_public("ghcr.io", REPOSITORY)
    world.registries.push_built(IMAGE, image)
    values = {
        "registries": yaml.safe_load(world.registries_file.read_text())["registries"],
        "trustedKeys": {file.stem: file.read_text() for file in keys.glob("*.pem")},
    }
    environment = {"KUBECONFIG": str(world.kubeconfig), "HOME": str(world.folder), "PATH": "/bin"}
    command = [str(world.programs.helm), "install", NAME, str(chart), "-n", NAMESPACE, "--create-namespace"]
    subprocess.run(
        [*command, "--wait", "--timeout", f"{_ROLL_OUT_SECONDS}s", "--values", "-"],
        env=environment | {"NO_PROXY": "127.0.0.1"},
        input=yaml.safe_dump(values),
        check=True,
        capture_output=True,
        text=True,
    )


def _patch() -> list[dict[str, object]]:
    container, mounted = "/spec/template/spec/containers/0", "/etc/kotsapp"
    added: list[tuple[str, object]] = [
        (f"{container}/args/-", flag)
        for flag in ("--registries", f"{mounted}/registries.yaml", "--trusted-keys", mounted)
    ]
    added.append(("/spec/template/spec/volumes/-", {"name": _FILES, "configMap": {"name": _FILES}}))
    added.append((f"{container}/volumeMounts/-", {"name": _FILES, "mountPath": mounted, "readOnly": True}))
    return [{"op": "add", "path": path, "value": value} for path, value in added]
