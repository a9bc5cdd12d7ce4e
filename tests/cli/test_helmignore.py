"""A chart's folder is packed as helm packs it, whatever its .helmignore says."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.charts import helm
from kotsapp.cli.errors import CommandError
from kotsapp.cli.unpacked import packed

FILES = (
    "Chart.yaml",
    "values.yaml",
    "README.md",
    ".hidden",
    "docs/x.md",
    "docs/deep/y.md",
    "files/1.txt",
    "files/2.txt",
    "files/[1].txt",
    "templates/a.yaml",
    "templates/.b.yaml",
    "templates/sub/c.yaml",
)
TAKEN = (
    "",
    "# a comment\n\n  *.md  \n",
    "docs",
    "docs/",
    "README.md/",
    "/docs/*",
    "x.md",
    "/x.md",
    "docs/x.md",
    "templates/*.yaml",
    "*/*",
    "files/?.txt",
    "files/[^1].txt",
    "files/[!1].txt",
    "files/[0-1].txt",
    "files/[1-0].txt",
    r"files/\1.txt",
    r"files/\[1\].txt",
    "!*.yaml",
    "!*\nREADME.md",
    ".helmignore",
    "\ufeffdocs",
)
REFUSED = ("docs/**", "[a", "a[]b]", "[a-]", "a\\", "*.md\n!README.md", "!templates/")


def chart(folder: Path, ignored: str) -> Path:
    made = folder / "shop"
    for name in FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("a: 1\n")
    (made / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (made / ".helmignore").write_text(ignored)
    return made


def package(folder: Path, into: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm(), "package", folder, "-d", into], capture_output=True, text=True, check=False)


def names(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {name.partition("/")[2] for name in tar.getnames()}


@pytest.mark.parametrize("ignored", TAKEN)
def test_the_same_files_are_left_out(ignored: str, tmp_path: Path) -> None:
    folder = chart(tmp_path, ignored)
    theirs = package(folder, tmp_path)
    assert theirs.returncode == 0, theirs.stderr
    assert names(packed(folder, Path.read_bytes)) == names((tmp_path / "shop-1.0.0.tgz").read_bytes())


@pytest.mark.parametrize("ignored", REFUSED)
def test_what_helm_refuses_is_no_chart(ignored: str, tmp_path: Path) -> None:
    folder = chart(tmp_path, ignored)
    assert package(folder, tmp_path).returncode != 0
    try:
        found = names(packed(folder, Path.read_bytes))
    except CommandError as error:
        assert ".helmignore" in str(error)
    else:
        assert "Chart.yaml" not in found
