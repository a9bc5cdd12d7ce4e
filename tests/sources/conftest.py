"""A release service that really listens, and a license for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from harness.licenses import LICENSE_ID, Signer
from kotsapp.license import License, TrustedKeys, load
from kotsapp.registry.config import Registries
from kotsapp.sources.web import Web
from localworld import release_server
from localworld.release_channel import Customer, Vendor
from localworld.release_server import ReleaseServer

APP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n"


@pytest.fixture(scope="session")
def keys(signer: Signer) -> TrustedKeys:
    return TrustedKeys.load(signer.folder)


@pytest.fixture
def license(signer: Signer, keys: TrustedKeys) -> License:
    return load(signer.sign(channelID="stable"), keys)


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    server = ReleaseServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def service(server: ReleaseServer, signer: Signer) -> Vendor:
    """Two releases, the second of which is required, in the channel of the license."""
    vendor = server.vendor("my-kots-app")
    vendor.customers[LICENSE_ID] = Customer(signer.sign(channelID="stable"), 3, "stable")
    vendor.publish("1.0.0", {"app.yaml": APP}, "stable")
    vendor.publish("1.1.0", {"app.yaml": APP}, "stable", is_required=True, notes="new")
    return vendor


@pytest.fixture
async def web(server: ReleaseServer) -> AsyncIterator[Web]:
    entries = [{"host": release_server.HOST, "endpoint": server.endpoint}]
    async with Web(Registries.read({"registries": entries}, "test")) as web:
        yield web
