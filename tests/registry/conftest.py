"""Fixtures of the registry tests."""

from collections.abc import Iterator

import pytest

from localworld import layout
from localworld.registries.registries import Registries as LocalRegistries
from registry.loopback import LICENSE_ID, PRIVATE, PUBLIC, SLUG, start_registries


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
