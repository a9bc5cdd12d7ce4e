"""Fixtures that tests of several rooms share: what takes a while is made once."""

import os
from collections.abc import Iterator

import pytest

from harness import kstatus as kstatus_program
from harness.charts import helm
from harness.kstatus import Kstatus
from harness.licensed import Vendor
from harness.licenses import Signer
from harness.loopback import LICENSE_ID, PRIVATE, PUBLIC, SLUG, start_registries
from localworld import layout
from localworld.registries.registries import Registries as LocalRegistries


@pytest.fixture(scope="session")
def vendor() -> Vendor:
    """A vendor whose key is trusted."""
    return Vendor()


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Signs licenses with a key that is in a folder for ``--trusted-keys``."""
    return Signer.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def helm_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """For releases with charts, which the operator renders with the helm that it finds there."""
    monkeypatch.setenv("PATH", str(helm().parent), prepend=os.pathsep)


@pytest.fixture(scope="session")
def stranger() -> Vendor:
    """A vendor whom nobody trusts."""
    return Vendor()


@pytest.fixture(scope="session")
def kstatus() -> Kstatus:
    """kstatus itself, as Flux and kubectl's plugins have it; skips where it can't be built."""
    return kstatus_program.made()


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistries]:
    """The registries of the local world with PUBLIC and PRIVATE pushed, the private ones at the proxy too."""
    local = start_registries(tmp_path_factory.mktemp("registries"))
    try:
        local.allow_license(LICENSE_ID, slugs=[SLUG])
        local.push(f"{layout.VENDOR_REGISTRY}/{SLUG}/worker:v1")
        for image in (*PUBLIC, *PRIVATE):
            local.push(image)
        for image in PRIVATE:
            local.push(f"{layout.PROXY}/proxy/{SLUG}/{image}")
        yield local
    finally:
        local.stop()
