"""What holds for every test."""

import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from harness.examples import examples

pytest_plugins = ["harness.fixtures", "harness.scheduling"]

# How long an example takes is the machine's affair, not the product's.
settings.register_profile(
    "kotsapp", deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kotsapp")

# Whoever starts the tests in the background may ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--flux", action="store_true", help="also run Flux's controllers, as make gitops does")


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
