"""Registries with certificates of a CA of their own, and one on our own network."""

from collections.abc import AsyncIterator

import pytest

from harness.certificates import Authority
from harness.hostile import HostileRegistry, says
from harness.hostile_answers import BEHAVIOURS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def trusted_ca(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture
async def inside() -> AsyncIterator[HostileRegistry]:
    """A service on the operator's own loopback, that nobody may be led to."""
    async with HostileRegistry({**BEHAVIOURS, "": says(200, {}, b"secret")}) as server:
        yield server
