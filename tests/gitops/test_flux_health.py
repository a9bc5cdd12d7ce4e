"""Flux's own libraries, compiled from their Go modules, over KotsApps: its kstatus, and the page's healthCheckExprs.

`make gitops` builds them, some minutes the first time. Until they are in the cache these tests are skipped.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.gitops_page import PAGE
from harness.kstatus import Kstatus, expected
from localworld.programs.health import FLUX_HEALTH
from localworld.progress import to_stderr

TESTDATA = Path(__file__).parents[2] / "deploy/argocd/resource_customizations/kotsapp.dev/KotsApp/testdata"
# The API server gives every KotsApp the status that the definition has by default, and no operator leaves Ready out.
NEVER_SEEN = ("new", "without_ready")
OBJECTS: list[dict[str, Any]] = [
    yaml.safe_load(path.read_text()) for path in sorted(TESTDATA.iterdir()) if path.stem not in NEVER_SEEN
]


@pytest.fixture(scope="module")
def flux() -> Kstatus:
    if not FLUX_HEALTH.cached:
        pytest.skip("Flux's health checks are not built: make gitops")
    return Kstatus(FLUX_HEALTH.ensure(to_stderr))


def of_the_page(flux: Kstatus) -> Kstatus:
    """With the expressions that the page has."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    documents = [document for block in blocks for document in yaml.safe_load_all(block)]
    (check,) = (c for d in documents for c in d.get("spec", {}).get("healthCheckExprs", ()))
    flags = {"-current": "current", "-failed": "failed", "-in-progress": "inProgress"}
    return Kstatus(flux.program, tuple(part for flag, name in flags.items() for part in (flag, check[name])))


def test_fluxs_own_kstatus_says_the_same(flux: Kstatus) -> None:
    assert len(OBJECTS) > 10
    assert flux.disagreements(OBJECTS) == []


def test_the_pages_expressions_fail_at_once_what_kstatus_waits_for(flux: Kstatus) -> None:
    reported = {}
    for obj, computed in zip(OBJECTS, of_the_page(flux).of(OBJECTS), strict=True):
        if computed.status != expected(obj):
            (ready,) = (c for c in obj["status"]["conditions"] if c["type"] == "Ready")
            reported[ready["reason"]] = (expected(obj), computed.status)
    assert reported == {"WorkloadsUnhealthy": ("InProgress", "Failed")}
