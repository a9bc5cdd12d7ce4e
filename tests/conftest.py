"""What holds for every test."""

import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from harness.examples import examples

pytest_plugins = ["harness.fixtures"]

# How long an example takes is the machine's affair, not the product's.
settings.register_profile(
    "kotsapp", deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kotsapp")

# Whoever starts the tests in the background may ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What takes long to set up in these folders serves all of their tests, so one worker runs them.
_TOGETHER = ("realnode", "world")
# What takes longest begins first, so that no worker is left alone with it in the end: minutes, most of them of waiting.
_LONGEST = (
    "e2e/test_replicas.py",
    "realnode",
    "e2e/test_surviving.py",
    "e2e/test_ways_to_install.py",
    "e2e/test_escalation.py",
    "e2e/test_health_e2e.py",
    "e2e/test_applications.py",
    "e2e/test_channel.py",
    "e2e/test_bad_input.py",
)
_FOLDERS = ("e2e", "world")
_TESTS = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """All workers hash alike, or what goes through a set would have its names in another order in each."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("PYTHONHASHSEED", str(random.SystemRandom().randrange(2**32)))


def pytest_report_header() -> str:
    return f"PYTHONHASHSEED={os.environ['PYTHONHASHSEED']} of the workers, and of what tests start"


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(_TESTS)
    return path.parts[0] if path.parts[0] in _TOGETHER else str(path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers (``make test``) a file's tests stay on one, in their order; see ``_LONGEST``."""
    groups = [_group(item) for item in items]
    for item, group in zip(items, groups, strict=True):
        item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        sizes = Counter(groups)
        ranks = {group: _rank(group, size) for group, size in sizes.items()}
        items.sort(key=lambda item: ranks[_group(item)])


def _rank(group: str, size: int) -> tuple[int, int, str]:
    """The slow rooms first; of others, the files with the most tests."""
    if group in _LONGEST:
        return _LONGEST.index(group), 0, group
    slow = group.partition("/")[0] in _FOLDERS
    return len(_LONGEST) + (not slow), -size, group


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Packed bytes name no test: they hold the time, and workers must collect the same names."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


_NOWHERE = (".invalid", ".internal", "2130706433")


@pytest.fixture(autouse=True, scope="session")
def away_from_the_machines_network() -> Iterator[None]:
    """No proxy of the environment is used, and no name server asked for names that nobody has."""
    look_up = socket.getaddrinfo

    def offline(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").endswith(_NOWHERE):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patched.delenv(name)
        patched.setattr(socket, "getaddrinfo", offline)
        yield
