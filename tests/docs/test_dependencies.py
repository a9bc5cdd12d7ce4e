"""What the image holds of others is listed with its license, is pinned, and is what may be given on."""

import re
import tomllib

from harness.dependencies import HELM, PAGE, ROOT, dependencies, written

# Given on as they are, they ask for their notice alone; MPL-2.0 and PSF-2.0 for that of their own files.
MAY_BE_GIVEN_ON = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
}
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def test_the_page_is_as_the_packages_say() -> None:
    assert PAGE.read_text() == written(), "make licenses"


def test_nothing_is_under_a_license_that_nobody_looked_at() -> None:
    names = {name for one in dependencies() for name in re.split(r" (?:AND|OR) ", one.license)}

    assert names - MAY_BE_GIVEN_ON == set()


def test_helm_is_the_one_that_is_built_for_other_architectures() -> None:
    assert f"helm.sh/helm/v4/cmd/helm@v{HELM[1]}" in (ROOT / "deploy/image/dependencies.sh").read_text()


def test_what_builds_the_image_is_pinned_and_is_what_builds_it_here() -> None:
    build, here = (dict(PINNED.findall((ROOT / f"requirements-{name}.lock").read_text())) for name in ("build", "dev"))
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]

    assert {re.split(r"[<>=]", one)[0] for one in required} == build.keys()
    assert build.items() <= here.items()
    assert all("--hash=sha256:" in part for part in (ROOT / "requirements-build.lock").read_text().split("==")[1:])
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert all(
        "--require-hashes" in line or "--no-index" in line for line in dockerfile.splitlines() if "pip install" in line
    )
