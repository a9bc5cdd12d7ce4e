"""What a user installs, rendered: by the real kubectl's kustomize and by the real helm."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness import charts
from harness.kustomize import kubectl

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "chart"
NAME, NAMESPACE = "kotsapp-operator", "kotsapp-system"

Object = dict[str, Any]
Identity = tuple[str, str, str]


class RefusedError(AssertionError):
    """helm or kustomize refused; the message is what it printed."""


def kustomized(folder: Path) -> dict[Identity, Object]:
    """The objects of a kustomization, by kind, namespace and name."""
    return _objects([kubectl(), "kustomize", str(folder)])


def packed(folder: Path) -> Path:
    """The chart as the archive that a registry would serve."""
    subprocess.run([str(charts.helm()), "package", str(CHART), "-d", str(folder)], capture_output=True, check=True)
    (archive,) = folder.glob("*.tgz")
    return archive


def templated(
    values: Mapping[str, Any] | None = None, *, name: str = NAME, chart: Path = CHART
) -> dict[Identity, Object]:
    """The objects of the chart with these values, by kind, namespace and name."""
    command = [str(charts.helm()), "template", name, str(chart), "--namespace", NAMESPACE, "--values", "-"]
    return _objects(command, yaml.safe_dump(dict(values or {})))


def deployment_in(objects: Mapping[Identity, Object], name: str = NAME) -> Object:
    return objects["Deployment", NAMESPACE, name]


def container_in(objects: Mapping[Identity, Object], name: str = NAME) -> Object:
    container: Object = deployment_in(objects, name)["spec"]["template"]["spec"]["containers"][0]
    return container


def _objects(command: list[str], stdin: str = "") -> dict[Identity, Object]:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("level=INFO")]
        raise RefusedError("\n".join(said))
    found = [document for document in yaml.safe_load_all(done.stdout) if document]
    by_identity = {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in found}
    assert len(by_identity) == len(found), "an object is there twice"
    return by_identity
