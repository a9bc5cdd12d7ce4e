"""``kotsapp render`` run on a folder of manifests."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.licenses import Signer
from kotsapp.cli import main
from kotsapp.manifests.documents import load

API = "quay.io/my-org/api:v1.0.1"
PROXIED = f"proxy.replicated.com/proxy/my-kots-app/{API}"
SECRET = "my-kots-app-registry"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jobs"}}


def deployment(name: str, *images: str, namespace: str | None = None) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


class Render:
    """Runs the command on a folder of manifests."""

    def __init__(self, folder: Path, signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.signer, self.capsys = folder, signer, capsys
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        self.license = folder / "license.yaml"
        self.license.write_bytes(signer.sign())
        self.errors = ""

    def add(self, name: str, *objects: Any) -> None:
        file = self.manifests / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n---\n".join(json.dumps(obj) if isinstance(obj, dict) else obj for obj in objects))

    def __call__(self, *words: str | Path, code: int = 0) -> str:
        trusted = ["--license", str(self.license), "--trusted-keys", str(self.signer.folder)]
        assert main(["render", "-f", str(self.manifests), *trusted, *map(str, words)]) == code
        captured = self.capsys.readouterr()
        self.errors = captured.err
        return captured.out

    def objects(self, *words: str | Path) -> list[dict[str, Any]]:
        return load(self(*words), "kotsapp render")


def images(obj: dict[str, Any]) -> list[str]:
    return [container["image"] for container in obj["spec"]["template"]["spec"]["containers"]]
