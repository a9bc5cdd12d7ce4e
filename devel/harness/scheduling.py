"""Which worker runs what, and in which order, when several run the tests (``make test``). A plugin of pytest.

A file's tests stay on one worker, in their order: what it sets up is set up once, and its tests know what was before.
xdist's own groups (``loadgroup``) are read from a name that newer pytests don't let it change: each test went anywhere.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from xdist.remote import Producer  # type: ignore[import-untyped]

# What takes long to set up in these folders serves all of their tests.
_TOGETHER = ("realnode", "world")
# What takes longest begins first, so that no worker is left alone with it in the end: minutes, most of them of waiting.
_LONGEST = (
    "e2e/test_replicas.py",
    "realnode",
    "e2e/test_surviving.py",
    "e2e/test_quickstart.py",
    "e2e/test_ways_to_install.py",
    "e2e/test_escalation.py",
    "e2e/test_channel.py",
    "e2e/test_bad_input.py",
    "e2e/test_health_e2e.py",
    "e2e/test_applications.py",
    "e2e/test_license_life.py",
)
_SLOW_FOLDERS = ("e2e", "world")


def group_of(nodeid: str) -> str:
    """What one worker runs: a file of ``tests/``, or one of its folders."""
    path = PurePosixPath(nodeid.partition("::")[0])
    parts = path.parts[1:] if path.parts[0] == "tests" else path.parts
    return parts[0] if parts[0] in _TOGETHER else "/".join(parts)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Whoever is free takes the next group, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """All workers hash alike, or what goes through a set would have its names in another order in each."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("PYTHONHASHSEED", str(random.SystemRandom().randrange(2**32)))


def pytest_report_header() -> str:
    return f"PYTHONHASHSEED={os.environ['PYTHONHASHSEED']} of the workers, and of what tests start"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slow ones first; of others, the files with the most tests."""
    if not hasattr(config, "workerinput"):
        return
    sizes = Counter(group_of(item.nodeid) for item in items)
    ranks = {group: _rank(group, size) for group, size in sizes.items()}
    items.sort(key=lambda item: ranks[group_of(item.nodeid)])


def _rank(group: str, size: int) -> tuple[int, int, str]:
    if group in _LONGEST:
        return _LONGEST.index(group), 0, group
    slow = group.partition("/")[0] in _SLOW_FOLDERS
    return len(_LONGEST) + (not slow), -size, group
