"""The Git repository of docs/gitops.md, file by file as the page has it."""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from harness.running import ROOT

PAGE = ROOT / "docs" / "gitops.md"
NAMESPACE, APP = "apps", "my-kots-app"


def repository(folder: Path, license: bytes, release: str) -> Path:
    """Write what the page says into an empty folder, and give the app's; the license as it is once it is decrypted."""
    operator, app = folder / "kotsapp-operator", folder / APP
    for name in ("crds", "deploy"):
        shutil.copytree(ROOT / name, operator / name)
    (app / "release").mkdir(parents=True)
    for name in ("kustomization.yaml", "kotsapp.yaml"):
        (app / name).write_text(_file(name))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "my-license"},
        "stringData": {"license.yaml": license.decode()},
    }
    (app / "license.sealed.yaml").write_text(yaml.safe_dump(secret))
    commit(app, release)
    return app


def commit(app: Path, release: str) -> None:
    """A new release of the vendor's."""
    (app / "release" / "app.yaml").write_text(release)


def changed(app: Path, **spec: Any) -> None:
    """A change of the KotsApp itself."""
    document = yaml.safe_load((app / "kotsapp.yaml").read_text())
    document["spec"] |= spec
    (app / "kotsapp.yaml").write_text(yaml.safe_dump(document))


def _file(name: str) -> str:
    """The example that begins with this file's name."""
    found = re.search(rf"```yaml\n# {re.escape(name)}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, f"{PAGE} has no example of {name}"
    return found.group(1)
