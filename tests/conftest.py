"""What holds for every test."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["harness.fixtures"]

# How long an example takes is the machine's affair, not the product's.
settings.register_profile("kotsapp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kotsapp")

# Whoever starts the tests in the background may ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What takes long to set up in these folders serves all of their tests, so one worker runs them.
_TOGETHER = ("realnode", "world")
_TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (``make test``) a file's tests stay on one, in their order."""
    for item in items:
        path = item.path.relative_to(_TESTS)
        item.add_marker(pytest.mark.xdist_group(path.parts[0] if path.parts[0] in _TOGETHER else str(path)))


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
