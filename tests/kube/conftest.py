"""A server that notes how it is asked, the CA that vouches for it, and an empty home."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.kubeconfigs import NotingServer, noting_server


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """As an EKS cluster's: basicConstraints and no key identifiers."""
    folder = tmp_path / "ca"
    folder.mkdir()
    return Authority.create(folder, bare=True)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[NotingServer]:
    async with noting_server(authority.server("localhost", bare=True), authority) as noting:
        yield noting


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no kubeconfig of the environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    return folder
