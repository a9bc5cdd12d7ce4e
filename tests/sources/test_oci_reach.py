"""Where the credential for an artifact goes, and who is asked."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.certificates import Authority
from harness.hostile import HostileRegistry, Request, Talk
from harness.loopback import LICENSE_ID
from harness.oci_looks import PLACE, REGISTRY, RELEASE, Serving, access, look, on, reported, serving
from harness.outside import HOST, OUTSIDE, Names, OutsideIsPublic
from kotsapp.registry.config import Registries
from kotsapp.sources import oci, oci_ref
from kotsapp.sources.errors import SourceRefusedError
from kotsapp.sources.web import Web


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
