"""What a source brings into memory takes a share of its size, also while somebody else is waited for."""

import asyncio
import base64
import random

import pytest

from harness.cluster import NAMESPACE
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.oci import flux_artifact
from harness.oci_registry import OciRegistry
from harness.packing import pack
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.reconcile.shares import Size
from kotsapp.registry.client import Answer
from kotsapp.registry.repository import Repository, Wanted
from localworld.registries.image import Image
from localworld.release_channel import Vendor

MIB = 1024 * 1024
NAMES = ["a", "b", "c", "d", "e"]


class SilentRegistry(OciRegistry):
    """Answers nobody about tags and manifests while ``silent``, and nobody about blobs while ``silent_blobs``."""

    silent = False

    async def ask(self, of: Repository, wanted: Wanted) -> Answer:
        if self.silent:
            self.asked.append((wanted.path, of.name, ""))
            await asyncio.Event().wait()
        return await super().ask(of, wanted)

    def waiting(self) -> set[str]:
        return {name for _, name, _ in self.asked}


@pytest.fixture
def registry() -> SilentRegistry:
    return SilentRegistry()


@pytest.fixture
def web(registry: SilentRegistry) -> VendorWeb:
    return VendorWeb(Vendor(), registry)


def large(name: str) -> Image:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n".encode()
    return flux_artifact(pack({"app.yaml": text, "picture.bin": random.Random(name).randbytes(5 * MIB)}))


def put(operator: Operator, name: str, *refs: dict[str, object]) -> None:
    operator.put_app(name=name, manifests=[{"ociRef": ref} for ref in refs])


@in_virtual_time
async def test_kept_artifacts_that_are_large_are_few_at_once_while_their_registry_is_silent(
    signer: Signer, web: VendorWeb, registry: SilentRegistry
) -> None:
    async with operating(signer, web=web) as operator:
        for name in NAMES:
            registry.push(f"ghcr.io/x/{name}", "1", large(name))
            put(operator, name, {"url": f"oci://ghcr.io/x/{name}", "tag": "1"})
        for name in NAMES:
            await operator.until_ready(name)
        api = operator.api
    registry.silent, registry.asked = True, []
    async with operating(signer, api, web=web):
        await until(lambda: bool(registry.waiting()))
        await quiet(5)

        assert len(registry.waiting()) <= Size.LARGE.slots


@in_virtual_time
async def test_logins_that_are_large_are_few_at_once_while_their_registry_is_silent(
    signer: Signer, web: VendorWeb, registry: SilentRegistry
) -> None:
    registry.silent = True
    login = base64.b64encode(b'{"auths": {"ghcr.io": {"username": "a", "password": "b"}}}' + b" " * (MIB - 60)).decode()
    async with operating(signer, web=web) as operator:
        for number in range(5):
            metadata = {"name": f"login-{number}", "namespace": NAMESPACE}
            held = {".dockerconfigjson": login}
            operator.api.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": held})
        for name in NAMES:
            refs = [
                {"url": f"oci://ghcr.io/x/{name}/{number}", "tag": "1", "secretRef": {"name": f"login-{number}"}}
                for number in range(5)
            ]
            put(operator, name, *refs)
        await until(lambda: bool(registry.waiting()))
        await quiet(5)

        assert len(registry.waiting()) <= Size.LARGE.slots
