"""What a user may install, rendered once."""

import shutil
from pathlib import Path

import pytest
import yaml

from harness.shipped import DEPLOY, Identity, Object, kustomized


@pytest.fixture(scope="session")
def everything_shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[Identity, Object]:
    """The base with every component, as a user who wants all of them writes it."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copytree(DEPLOY.parent / "crds", folder / "crds")
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("chart", "argocd"))
    return kustomized(_overlay(folder / "mine", ["../deploy"], sorted((folder / "deploy" / "components").iterdir())))


def _overlay(folder: Path, resources: list[str], components: list[Path]) -> Path:
    folder.mkdir()
    kustomization = {"resources": resources, "components": [f"../deploy/components/{path.name}" for path in components]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder
