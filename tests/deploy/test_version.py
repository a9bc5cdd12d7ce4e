"""One version, everywhere; and a release that is made by one command."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness import version
from harness.shipped import DEPLOY, container_in, deployment_in, kustomized, templated
from harness.version import ROOT, VersionError
from kotsapp import __version__
from kotsapp.cli import main

CURRENT = version.current()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that have the version in them, to be changed."""
    names = {name for name, _ in version.PLACES} | {version.CHANGELOG, version.DEFINITION}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / version.RELEASED, tmp_path / version.RELEASED)
    return tmp_path


def test_what_is_shipped_says_one_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"kotsapp {CURRENT}\n"
    base, chart = kustomized(DEPLOY), templated()
    assert {container_in(objects)["image"].rpartition(":")[2] for objects in (base, chart)} == {CURRENT}
    assert deployment_in(chart)["metadata"]["labels"]["app.kubernetes.io/version"] == CURRENT
    assert __version__ == CURRENT
    assert dict.fromkeys((name for name, _ in version.PLACES), CURRENT) == dict(version.found())


def test_a_release_changes_each_place_the_change_log_and_the_released_definition(copy: Path) -> None:
    version.release("7.8.9", copy)
    assert {found for _, found in version.found(copy)} == {"7.8.9"}
    changed = (copy / version.CHANGELOG).read_text()
    unreleased, _, rest = changed.partition("\n## 7.8.9 - 20")
    assert unreleased.endswith("## Unreleased\n")
    assert "### Added" in rest
    (kept,) = (copy / version.RELEASED).glob("*.yaml")
    assert kept.name == "kotsapps-7.8.9.yaml"
    assert kept.read_text() == (ROOT / version.DEFINITION).read_text()
    for name, _ in version.PLACES:
        before, after = (root / name for root in (ROOT, copy))
        assert after.read_text().replace("7.8.9", CURRENT) == before.read_text()


@pytest.mark.parametrize("given", ["", "v1.2.3", "1.2", "1.2.3-rc.1", "latest", "0.0.1"])
def test_what_is_no_version_or_an_older_one_changes_nothing(copy: Path, given: str) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    before = content()
    with pytest.raises(VersionError):
        version.release(given, copy)
    assert content() == before


def test_a_version_is_released_once(copy: Path) -> None:
    version.release("7.8.9", copy)
    with pytest.raises(VersionError, match=r"has 7\.8\.9 already"):
        version.release("7.8.9", copy)


def test_no_other_file_says_it() -> None:
    """Where it is needed elsewhere it is read: what nobody writes would stay behind."""
    files = subprocess.run(
        ["git", "grep", "-lF", f"kotsapp-operator:{CURRENT}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert files.stdout.split() == []
