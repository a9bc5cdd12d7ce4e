"""Registries that answer wrongly or slowly: what is told."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from harness.oci import FLUX_LAYER, artifact
from harness.oci_looks import BASIC, GOOD, PLACE, REGISTRY, RELEASE, Serving, access, look, on, reported, serving
from harness.oci_registry import OciRegistry
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time
from kotsapp.registry.client import Answer
from kotsapp.registry.repository import Repository, Wanted
from kotsapp.sources import limits, oci, oci_ref
from kotsapp.sources.artifact import Known
from kotsapp.sources.errors import SourceContentError, SourceError, SourceRefusedError, SourceUnreachableError
from kotsapp.sources.web import Web
from localworld.registries.image import Image
from localworld.release_channel import Vendor

LAYER = json.loads(GOOD.top.content)["layers"][0]["digest"]


async def test_what_is_good_is_fetched() -> None:
    async with serving(Serving()) as (_, web):
        found = await look(web)
    assert (found.content, found.revision) == (RELEASE, f"1@{GOOD.top.digest}")


@pytest.mark.parametrize(
    ("status", "headers", "kind", "says", "wait"),
    [
        (400, {}, SourceRefusedError, "answered 400, an answer that is not understood", None),
        (403, {}, SourceRefusedError, "answered 403: it refuses the license; ask the vendor", None),
        (404, {}, SourceRefusedError, "answered 404: not there, or not for this license; check url and version", None),
        (429, {"Retry-After": "77"}, SourceUnreachableError, "answered 429: too many requests", 77.0),
        (500, {}, SourceUnreachableError, "answered 500: it has trouble", None),
        (503, {"Retry-After": "5"}, SourceUnreachableError, "answered 503: it has trouble", 5.0),
    ],
)
@pytest.mark.parametrize("part", ["/manifests/", "/blobs/", "/tags/"])
async def test_each_status_is_told_and_tried_again_as_it_deserves(
    part: str, status: int, headers: dict[str, str], kind: type[SourceError], says: str, wait: float | None
) -> None:
    version = {"version": "1.x"} if part == "/tags/" else {"tag": "1"}
    error = await reported(Serving(change=on(part, status, headers)), kind, **version)
    assert says in str(error)
    assert f"{REGISTRY}/x/shop" in str(error)
    assert (error.passes, error.retry_after) == (kind is SourceUnreachableError, wait)


async def test_a_401_that_stands_says_whom_to_ask() -> None:
    error = await reported(Serving(change=on("", 401, BASIC)), SourceRefusedError)
    assert "answered 401: it refuses the license; ask the vendor" in str(error)


SHORT = artifact([(FLUX_LAYER, RELEASE)])
OTHER = bytes(len(RELEASE))


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (Serving(change=on("/blobs/", body=RELEASE[:-9])), f"has {len(RELEASE)} bytes, and {len(RELEASE) - 9} came"),
        (Serving(change=on("/blobs/", body=RELEASE + b"x")), f"has {len(RELEASE)} bytes, and more came"),
        (Serving(change=on("/blobs/", body=OTHER)), "came with another digest than its manifest says"),
        (Serving(change=on("/manifests/sha256", body=b"{}")), "what came has another digest, so it is not what was"),
        (Serving(change=on("/manifests/sha256", body=b"x" * 300_000)), "has a manifest of more than 256 KiB"),
    ],
    ids=["truncated", "longer", "another", "another manifest", "a manifest without end"],
)
async def test_what_is_not_what_was_said_is_refused(behaviour: Serving, says: str) -> None:
    assert says in str(await reported(behaviour, SourceContentError))


def manifest(**changes: Any) -> Image:
    document = {**json.loads(GOOD.top.content), **changes}
    return replace(GOOD, top=replace(GOOD.top, content=json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (manifest(layers=[]), "no layer that is a chart or a packed folder (tar+gzip); its layers are: none"),
        (manifest(layers=[{"mediaType": "text/x"}, 7]), "its layers are: text/x"),
        (manifest(layers={"a": 1}), "no layer that is a chart"),
        (artifact([("a.tar+gzip", b"1"), ("b.tar+gzip", b"2")]), "it has 2 layers that are packed folders"),
        (manifest(layers=[{"mediaType": FLUX_LAYER, "digest": "md5:0", "size": 1}]), "none of sha256 or sha512"),
        (manifest(layers=[{"mediaType": FLUX_LAYER, "digest": LAYER, "size": True}]), "its layer has no size"),
        (manifest(layers=[{"mediaType": FLUX_LAYER, "digest": LAYER, "size": limits.MAX_ARCHIVE + 1}]), "16 MiB are"),
        (manifest(manifests=[]), "an index of images for several platforms"),
        (replace(GOOD, top=replace(GOOD.top, content=b"[" * 5_000)), "its manifest can't be read: it is nested deeper"),
        (replace(GOOD, top=replace(GOOD.top, content=b"not JSON")), "its manifest can't be read: it is not JSON"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
async def test_a_manifest_without_one_layer_that_can_be_used_is_told(image: Image, says: str) -> None:
    error = await reported(Serving(image), SourceContentError)
    assert says in str(error)
    assert f"{REGISTRY}/x/shop@sha256:" in str(error)


async def test_a_layer_that_is_too_large_is_not_even_asked_for() -> None:
    layer = {"mediaType": FLUX_LAYER, "digest": LAYER, "size": limits.MAX_ARCHIVE + 1}
    async with serving(Serving(manifest(layers=[layer]))) as (server, web):
        with pytest.raises(SourceContentError):
            await look(web)
    assert not [request for request in server.requests if "/blobs/" in request.path]


async def test_a_registry_without_head_is_asked_by_get_and_the_digest_is_its_own() -> None:
    async with serving(Serving(change=on("/manifests/1", 405, method="HEAD"))) as (server, web):
        found = await look(web)
        again = await look(web, Known(found))
    assert found.revision == f"1@{GOOD.top.digest}"
    assert again is found
    assert len([request for request in server.requests if "/blobs/" in request.path and request.authorization]) == 1


async def test_an_image_that_was_tagged_anew_between_head_and_get_is_none_the_less_the_one_of_the_head() -> None:
    """The second request is by digest."""
    async with serving(Serving()) as (server, web):
        await look(web)
    assert next(request.path for request in server.requests if request.method == "GET").endswith(GOOD.top.digest)


# -- time


class Silent(OciRegistry):
    """Never answers."""

    async def ask(self, of: Repository, wanted: Wanted) -> Answer:  # noqa: ARG002 - whatever it is asked
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@in_virtual_time
async def test_a_registry_that_is_silent_is_given_up() -> None:
    with pytest.raises(SourceUnreachableError, match=f"^{REGISTRY} did not answer within 20 s$"):
        await look(VendorWeb(Vendor(), Silent()))


class SlowPages(OciRegistry):
    """A list of tags without end, each page of which comes just in time."""

    async def ask(self, of: Repository, wanted: Wanted) -> Answer:
        self.asked.append((wanted.path, of.registry, ""))
        await asyncio.sleep(limits.ASK_SECONDS * 0.9)
        return Answer(200, httpx.Headers({"Link": '</?last=x>; rel="next"'}), b'{"tags": ["1.0.0"]}')


@in_virtual_time
async def test_a_registry_that_always_has_one_more_page_is_given_up() -> None:
    registry = SlowPages()
    with pytest.raises(SourceUnreachableError, match=f"tags of {PLACE[6:]} did not come within 60 s"):
        await look(VendorWeb(Vendor(), registry), version="1.x")
    assert len(registry.asked) < 5


async def test_others_have_their_turn_while_a_tenant_s_login_of_any_size_is_read() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    large = json.dumps({"auths": {f"registry-{number}": {} for number in range(20_000)}}).encode()
    other = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns
    with pytest.raises(SourceRefusedError, match=f"has no login for {REGISTRY}"):
        await oci.look(oci_ref.read(PLACE, tag="1", secret="login"), access(large, "other.invalid"), None, Web())
    other.cancel()
    assert turns > before
