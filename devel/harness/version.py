"""The version stands in pyproject.toml, and is written to wherever else it is read: ``make version VERSION=0.2.0``."""

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
# MAJOR.MINOR.PATCH and perhaps a pre-release: a SemVer that is a tag of an image, too. PEP 440 says 1.0.0rc1 for
# 1.0.0-rc.1, so what needs both can't have the second.
VERSION = re.compile(r"\d+\.\d+\.\d+")
# Where it stands besides: a file, and what surrounds it there.
PLACES: tuple[tuple[str, str], ...] = (
    ("pyproject.toml", r'^version = "(.*)"$'),
    ("operator/kotsapp/__init__.py", r'^__version__ = "(.*)"$'),
    ("deploy/base/kustomization.yaml", r"^    newTag: (.*)$"),
    ("deploy/chart/Chart.yaml", r"^version: (.*)$"),
    ("deploy/chart/Chart.yaml", r"^appVersion: (.*)$"),
    ("deploy/Dockerfile", r"^ARG VERSION=(.*)$"),
    ("docs/configuration.md", r"newName: registry\.example\.com/kotsapp-operator, newTag: ([^}]*)}"),
)
CHANGELOG = "CHANGELOG.md"
UNRELEASED = "## Unreleased\n"
DEFINITION = "crds/kotsapps.kotsapp.dev.yaml"
RELEASED = "tests/e2e/data"


class VersionError(ValueError):
    """No version can be made of what was given; the message says why."""


def current(root: Path = ROOT) -> str:
    """The version that pyproject.toml says."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def found(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Each place and the version that stands there; raises VersionError where none does."""
    for name, pattern in PLACES:
        match = re.search(pattern, (root / name).read_text(), re.MULTILINE)
        if match is None:
            raise VersionError(f"{name}: no version where {pattern} looks for one")
        yield name, match[1]


def release(version: str, root: Path = ROOT) -> None:
    """Write the version everywhere, and give the change log's unreleased part its name and day.

    The definition is kept as the released one, from which the next version is upgraded to. Raises VersionError.
    """
    before = current(root)
    if not VERSION.fullmatch(version):
        raise VersionError(f"{version!r} is no version: expected MAJOR.MINOR.PATCH")
    if _parts(version) < _parts(before):
        raise VersionError(f"{version} is older than {before}")
    log = (root / CHANGELOG).read_text()
    if f"## {version} " in log:
        raise VersionError(f"{CHANGELOG} has {version} already")
    if UNRELEASED not in log:
        raise VersionError(f"{CHANGELOG} has no {UNRELEASED.strip()!r}")
    list(found(root))  # all or nothing
    for name, pattern in PLACES:
        _write(root / name, pattern, version)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    (root / CHANGELOG).write_text(log.replace(UNRELEASED, f"{UNRELEASED}\n## {version} - {today}\n", 1))
    for old in (root / RELEASED).glob("kotsapps-*.yaml"):
        old.unlink()
    shutil.copy(root / DEFINITION, root / RELEASED / f"kotsapps-{version}.yaml")


def _write(path: Path, pattern: str, version: str) -> None:
    def put(match: re.Match[str]) -> str:
        begin, end = match.start(1) - match.start(), match.end(1) - match.start()
        return match[0][:begin] + version + match[0][end:]

    path.write_text(re.sub(pattern, put, path.read_text(), count=1, flags=re.MULTILINE))


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    try:
        release(sys.argv[1] if len(sys.argv) > 1 else "")
    except VersionError as error:
        sys.exit(f"version: {error}")
