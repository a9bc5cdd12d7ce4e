"""docs/dependencies.md: what the image holds of others, and under which licenses; written by
``python -m harness.dependencies`` from the lock file and what the packages say of themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PAGE = ROOT / "docs" / "dependencies.md"
# What helm is built from says it, the binary doesn't.
HELM = ("helm", "4.3.1", "Apache-2.0")
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)
# As SPDX has them, for packages that write theirs in words.
_WORDS = {
    "Apache 2.0": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
}
_HEAD = """# Dependencies

What the image holds beside the operator and its base image (Python and what it needs, of Debian). Written by
`make licenses`. The image's own list is `/opt/kotsapp/sbom.cdx.json`.

| package | version | license |
|---|---|---|
"""
_TAIL = """
Each version is pinned by its hash: `requirements.lock`, `requirements-tools.lock` (helm), `requirements-build.lock`
(setuptools, which builds the package and is not in the image). `make audit` asks PyPI for known vulnerabilities of what
is pinned. It is not part of CI, whose machines need not reach that list, and it fails where the list can't be read.
`make pin-bases` pins the base images by digest in `deploy/Dockerfile`, where their registries can be reached; until
somebody has run it they are named by tag alone.
"""


@dataclass(frozen=True, slots=True)
class Dependency:
    name: str
    version: str
    license: str


def dependencies() -> Iterator[Dependency]:
    """What is pinned, with its license as SPDX has it, by name. KeyError for a license in words that nobody knows."""
    for name, version in _PINNED.findall(LOCK.read_text()):
        yield Dependency(name, version, _license(metadata.metadata(name)))
    yield Dependency(*HELM)


def written() -> str:
    """The page as it should be."""
    rows = [f"| {one.name} | {one.version} | {one.license} |\n" for one in sorted(dependencies(), key=lambda d: d.name)]
    return f"{_HEAD}{''.join(rows)}{_TAIL}"


def _license(of: metadata.PackageMetadata) -> str:
    classifiers = [one for one in of.get_all("Classifier") or () if one.startswith("License :: ")]
    said = str((of.get_all("License-Expression") or of.get_all("License") or classifiers)[0])
    return _WORDS.get(said, said) if re.fullmatch(r"[A-Za-z0-9.() -]+", said) else _WORDS[said]


if __name__ == "__main__":
    PAGE.write_text(written())
