"""Looks at an artifact of a registry that behaves as a test says."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from harness.hostile import Behaviour, HostileRegistry, Request, Talk
from harness.licensed import license_document, write
from harness.loopback import LICENSE_ID
from harness.oci import flux_artifact
from harness.packing import pack
from kotsapp.fair_queue import Tenant
from kotsapp.license import Policy, TrustedKeys, load
from kotsapp.registry.config import Registries
from kotsapp.sources import oci, oci_ref
from kotsapp.sources.artifact import Access, Artifact, Known
from kotsapp.sources.errors import SourceError
from kotsapp.sources.web import Web
from localworld.registries.image import Image

REGISTRY = "registry.vendor.invalid"
PLACE = f"oci://{REGISTRY}/x/shop"
RELEASE = pack({"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
GOOD = flux_artifact(RELEASE)
BASIC = {"WWW-Authenticate": 'Basic realm="x"'}


def access(docker_config: bytes | None = None, *hosts: str) -> Access:
    license = load(write(license_document(licenseID=LICENSE_ID)), TrustedKeys({}), Policy.WARN)
    return Access(license, Tenant("apps", "shop"), frozenset(hosts or {REGISTRY}), docker_config)


Change = Callable[[Request, Talk], Any]


@dataclass(frozen=True, slots=True)
class Serving:
    """Serves one artifact under tag 1; ``change`` may answer a request in its own way, and says so."""

    image: Image = GOOD
    change: Change | None = None
    wants_basic: bool = True

    async def __call__(self, request: Request, talk: Talk) -> None:
        if self.wants_basic and not request.authorization:
            await talk.answer(401, BASIC)
            return
        if self.change is not None and await self.change(request, talk):
            return
        target, head = request.path.partition("?")[0].rpartition("/")[2], request.method == "HEAD"
        top = self.image.top
        if "/tags/" in request.path:
            await talk.answer(200, body=json.dumps({"tags": ["1"]}).encode())
        elif target in ("1", top.digest):
            await talk.answer(200, {"Docker-Content-Digest": top.digest}, top.content, head=head)
        elif target in self.image.blobs:
            await talk.answer(200, body=self.image.blobs[target])
        else:
            await talk.answer(404)


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[tuple[HostileRegistry, Web]]:
    async with HostileRegistry({"x": behaviour}) as server:
        entries = [{"host": REGISTRY, "endpoint": server.endpoint}]
        async with Web(Registries.read({"registries": entries}, "test")) as web:
            yield server, web


async def look(web: Web, known: Known | None = None, **version: str) -> Artifact:
    return (await oci.look(oci_ref.read(PLACE, **(version or {"tag": "1"})), access(), known, web)).artifact


async def reported(behaviour: Behaviour, kind: type[SourceError], **version: str) -> SourceError:
    async with serving(behaviour) as (_, web):
        with pytest.raises(kind) as caught:
            await look(web, None, **version)
    assert LICENSE_ID not in str(caught.value)
    return caught.value


def on(
    part: str, status: int = 200, headers: dict[str, str] | None = None, body: bytes = b"", method: str = ""
) -> Change:
    """Answer requests whose path has this part like that."""

    async def change(request: Request, talk: Talk) -> bool:
        if part not in request.path or method not in ("", request.method):
            return False
        await talk.answer(status, headers, body, head=request.method == "HEAD")
        return True

    return change
