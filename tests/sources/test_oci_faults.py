"""Registries that answer wrongly, slowly or to somebody else: what is told, and where no credential goes."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from harness.certificates import Authority
from harness.hostile import Behaviour, HostileRegistry, Request, Talk
from harness.licensed import license_document, write
from harness.loopback import LICENSE_ID
from harness.oci import FLUX_LAYER, artifact, flux_artifact
from harness.oci_registry import OciRegistry
from harness.outside import HOST, OUTSIDE, Names, OutsideIsPublic
from harness.packing import pack
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time
from kotsapp.fair_queue import Tenant
from kotsapp.license import Policy, TrustedKeys, load
from kotsapp.registry.client import Answer
from kotsapp.registry.config import Registries
from kotsapp.registry.repository import Repository, Wanted
from kotsapp.sources import limits, oci, oci_ref
from kotsapp.sources.artifact import Access, Artifact, Known
from kotsapp.sources.errors import SourceContentError, SourceError, SourceRefusedError, SourceUnreachableError
from kotsapp.sources.web import Web
from localworld.registries.image import Image
from localworld.release_channel import Vendor

REGISTRY = "registry.vendor.invalid"
PLACE = f"oci://{REGISTRY}/x/shop"
RELEASE = pack({"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
GOOD = flux_artifact(RELEASE)
LAYER = json.loads(GOOD.top.content)["layers"][0]["digest"]
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
            await look(web, **version)
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


# -- tags


def pages(*contents: Any, link: str = '</v2/x/shop/tags/list?n=1000&last={n}>; rel="next"') -> Change:
    async def change(request: Request, talk: Talk) -> bool:
        if "/tags/list" not in request.path:
            return False
        number = int(request.path.rpartition("last=")[2]) if "last=" in request.path else 0
        more = {"Link": link.format(n=number + 1)} if number + 1 < len(contents) else {}
        body = (
            contents[number] if isinstance(contents[number], bytes) else json.dumps({"tags": contents[number]}).encode()
        )
        await talk.answer(200, more, body)
        return True

    return change


async def test_tags_are_read_page_by_page() -> None:
    image = replace(GOOD, blobs={**GOOD.blobs, "1.3.0": b""})
    async with serving(Serving(image, change=pages(["1.0.0", "latest"], ["1.2.0"], ["1.1.0"]))) as (_, web):
        with pytest.raises(SourceRefusedError, match=r"shop:1\.2\.0: the registry answered 404"):
            await look(web, version="1.x")


async def test_the_next_page_is_asked_for_at_the_registry_itself_wherever_it_is_said_to_be() -> None:
    link = '<https://elsewhere.invalid/v2/x/shop/tags/list?last={n}>; rel="next"'
    async with serving(Serving(change=pages(["1.0.0"], ["1.2.0"], link=link))) as (server, web):
        with pytest.raises(SourceRefusedError, match=r"shop:1\.2\.0"):
            await look(web, version="1.x")
    assert [request for request in server.requests if request.path == "/v2/x/shop/tags/list?last=1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (pages(*[[f"1.0.{n}" for n in range(1000)]] * 30), "has more than 10000 tags, too many to pick a version"),
        (pages(*[[]] * 200), "too many to pick a version from"),
        (pages(b'{"tags": "1.0.0"}'), "can't be read: it has no list of tags"),
        (pages(b'{"tags": [' + b" " * 300_000 + b"]}"), "can't be read: it is larger than 256 KiB"),
        (pages(b"[" * 5_000), "can't be read: it is nested deeper"),
    ],
)
async def test_lists_of_tags_without_end_or_sense_are_refused(change: Change, says: str) -> None:
    assert says in str(await reported(Serving(change=change), SourceContentError, version="1.x"))


async def test_tags_that_are_none_and_an_empty_list_pick_nothing() -> None:
    change = pages(["1.0.0/../../x", 7, None, "a\nb", "x" * 200])
    assert "(it has no tags)" in str(await reported(Serving(change=change), SourceRefusedError, version="1.x"))
    assert "(it has no tags)" in str(
        await reported(Serving(change=pages(b'{"name": "x", "tags": null}')), SourceRefusedError, version="1.x")
    )


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


# -- where the credential goes, and who is asked


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def trusted_ca(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


async def test_a_redirect_to_a_store_elsewhere_is_followed_without_the_credential(authority: Authority) -> None:
    async def store(request: Request, talk: Talk) -> None:
        await talk.answer(200, body=RELEASE)

    async with HostileRegistry({"x": store}, tls=authority.server(HOST), address=OUTSIDE) as elsewhere:
        to = {"Location": f"https://{HOST}:{elsewhere.port}/store/x/layer?signed=1"}
        async with HostileRegistry({"x": Serving(change=on("/blobs/", 307, to))}) as server:
            registries = Registries.read({"registries": [{"host": REGISTRY, "endpoint": server.endpoint}]}, "test")
            async with web_outside(registries) as web:
                found = await look(web)
    assert found.content == RELEASE
    assert [request.authorization for request in elsewhere.requests] == [""]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/layer",
        "https://127.0.0.1:1/layer",
        "https://169.254.169.254/layer",
        "https://inside.invalid/x",
    ],
)
async def test_a_redirect_does_not_lead_inside_or_into_the_clear(location: str) -> None:
    async with HostileRegistry({"x": Serving(change=on("/blobs/", 307, {"Location": location}))}) as server:
        registries = Registries.read({"registries": [{"host": REGISTRY, "endpoint": server.endpoint}]}, "test")
        async with web_outside(registries) as web:
            with pytest.raises(SourceRefusedError):
                await look(web)


@pytest.mark.parametrize(
    "url", ["oci://127.0.0.1:5000/x/shop", "oci://inside.invalid/x/shop", "oci://metadata.google.internal/x"]
)
async def test_a_source_can_not_name_our_own_network(url: str) -> None:
    async with web_outside(Registries.empty()) as web:
        with pytest.raises(SourceRefusedError, match="is not asked"):
            await oci.look(oci_ref.read(url, tag="1"), access(), None, web)


async def test_a_redirect_whose_url_holds_the_license_is_not_followed() -> None:
    to = {"Location": f"https://{HOST}/?as={LICENSE_ID}"}
    error = await reported(Serving(change=on("/blobs/", 307, to)), SourceRefusedError)
    assert "its URL holds the license id" in str(error)


async def test_a_registry_that_sends_the_license_to_a_token_service_elsewhere_does_not_get_it_there() -> None:
    async def asks(request: Request, talk: Talk) -> None:
        await talk.challenge("https://tokens.elsewhere.invalid/token")

    async with serving(asks) as (_, web):
        with pytest.raises(SourceRefusedError, match=r"the license id is not sent to tokens\.elsewhere\.invalid"):
            await look(web)


@pytest.mark.parametrize(
    ("hosts", "user", "scope"),
    [
        ((), "LICENSE_ID", "repository:x/shop:pull"),
        (("another.invalid",), "me", "repository:x/shop:pull,metadata_read"),
    ],
)
async def test_a_login_is_shown_for_what_its_registry_asks_and_the_license_for_pulls_alone(
    hosts: tuple[str, ...], user: str, scope: str
) -> None:
    async def registry(request: Request, talk: Talk) -> None:
        if request.authorization == "Bearer good-token":
            await Serving(wants_basic=False)(request, talk)
        else:
            extra = ',service="s",scope="repository:x/shop:pull,metadata_read"'
            await talk.challenge(f"{talk.server.endpoint}/token/x/", extra)

    async def token(request: Request, talk: Talk) -> None:
        await talk.answer(200, body=json.dumps({"token": "good-token"}).encode())

    login = json.dumps({"auths": {REGISTRY: {"username": "me", "password": "my-password"}}}).encode()
    async with HostileRegistry({"x": registry, "token:x": token}) as server:
        entries = [{"host": REGISTRY, "endpoint": server.endpoint}]
        async with Web(Registries.read({"registries": entries}, "test")) as web:
            await oci.look(oci_ref.read(PLACE, tag="1", secret="login"), access(login, *hosts), None, web)
    asked = [request for request in server.requests if "/token/" in request.path]
    assert {parse_qs(urlsplit(request.path).query)["scope"][0] for request in asked} == {scope}
    sent = {
        base64.b64decode(request.authorization.removeprefix("Basic ")).decode().partition(":")[0] for request in asked
    }
    assert sent == {user}


def web_outside(registries: Registries) -> Web:
    """Loopback stands for the internet, but for 127.0.0.1, which is inside."""
    names = Names({HOST: [OUTSIDE], "inside.invalid": ["127.0.0.1"]})
    return Web(registries, guard=OutsideIsPublic(registries), resolver=names)
