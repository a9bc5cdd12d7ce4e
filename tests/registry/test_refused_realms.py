"""A realm that we don't ask says nothing about the image: Unreachable, with the way out in the message."""

import re
import ssl
from pathlib import Path

import pytest
import yaml

from harness.certificates import Authority
from harness.hostile import MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk, says
from harness.hostile_answers import BEHAVIOURS
from harness.outside import HOST, OUTSIDE, Names, OutsideIsPublic
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

OK = {"Content-Type": MANIFEST_TYPE}


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    authority = Authority.create(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority.server(HOST)


def harbor(realm: str, also: str = "") -> Behaviour:
    """Behind a front that ends TLS a Harbor whose own address is configured as http sends to an http realm."""

    async def behave(request: Request, talk: Talk) -> None:
        if request.authorization == "Bearer good-token":
            await talk.answer(200, OK)
        else:
            await talk.answer(401, {"WWW-Authenticate": f'{also}Bearer realm="{realm}",service="harbor-registry"'})

    return behave


async def probe(server: HostileRegistry, registries: Registries, times: int = 1) -> list[ProbeResult]:
    guard, names = OutsideIsPublic(registries), Names({HOST: [OUTSIDE]})
    async with Prober(registries, guard=guard, resolver=names) as prober:
        return [
            await prober.probe(parse(f"{HOST}:{server.port}/x/y:{tag}"), timeout=10, max_age=60) for tag in range(times)
        ]


@pytest.mark.parametrize("also", ["", 'Basic realm="harbor", '])
async def test_the_entry_in_the_message_is_the_way_out(tls: ssl.SSLContext, also: str) -> None:
    realm = f"http://{HOST}/token/good/"
    async with HostileRegistry({**BEHAVIOURS, "x": harbor(realm, also)}, tls=tls, address=OUTSIDE) as server:
        (before,) = await probe(server, Registries.empty())
        found = re.search(r"\{host: .*?\}", before.message)
        assert found, before.message
        (after,) = await probe(server, Registries.read({"registries": [yaml.safe_load(found[0])]}, "test"))

    assert before.verdict is Verdict.UNREACHABLE
    assert "plain http" in before.message
    assert "registries file" in before.message
    assert len(before.message) < 300
    assert (before.http_status, before.host) == (401, f"{HOST}:{server.port}")
    assert after.verdict is Verdict.PUBLIC, after.message


async def test_every_image_of_the_host_is_told_the_same(tls: ssl.SSLContext) -> None:
    async with HostileRegistry({"x": harbor(f"http://{HOST}/token/good/")}, tls=tls, address=OUTSIDE) as server:
        results = await probe(server, Registries.empty(), times=3)

    assert {(result.verdict, result.message) for result in results} == {(Verdict.UNREACHABLE, results[0].message)}
    assert [result.requests for result in results] == [1, 1, 1]


@pytest.mark.parametrize(
    "realm",
    [
        "http://127.0.0.1/token",
        "https://127.0.0.1/token",
        "https://localhost/token",
        "https://169.254.169.254/token",
        "https://metadata.google.internal/token",
        "https://user:password@auth.example.invalid/token",
    ],
)
async def test_what_we_do_not_ask_makes_nothing_private(tls: ssl.SSLContext, realm: str) -> None:
    async with HostileRegistry({"x": harbor(realm)}, tls=tls, address=OUTSIDE) as server:
        (result,) = await probe(server, Registries.empty())

    assert result.verdict is Verdict.UNREACHABLE
    assert "token service" in result.message
    assert "password" not in result.message


@pytest.mark.parametrize("realm", ["file:///etc/passwd", "/token", "https://][@", "ftp://auth.example.invalid/"])
async def test_what_nobody_can_ask_is_no_way_in(tls: ssl.SSLContext, realm: str) -> None:
    async with HostileRegistry({"x": harbor(realm)}, tls=tls, address=OUTSIDE) as server:
        (result,) = await probe(server, Registries.empty())

    assert result.verdict is Verdict.PRIVATE


async def test_the_entrys_own_address_is_asked_where_an_http_realm_names_the_host() -> None:
    """The realm's scheme is what a front has lost; where the host really is the administrator wrote."""
    async with HostileRegistry({**BEHAVIOURS, "x": harbor(f"http://{HOST}/token/good/")}) as server:
        entries = Registries.read({"registries": [{"host": HOST, "endpoint": server.endpoint}]}, "test")
        async with Prober(entries, resolver=Names({})) as prober:
            result = await prober.probe(parse(f"{HOST}/x/y:1"), timeout=10, max_age=60)
            credential = Credential("LICENSE_ID", "the-license-id", frozenset({HOST}))
            checked = await prober.verify(parse(f"{HOST}/x/y:1"), credential, timeout=10, max_age=60)

    assert result.verdict is Verdict.PUBLIC, result.message
    assert checked.verified is Verified.TRUE


async def test_a_license_is_not_sent_to_a_realm_that_is_refused(tls: ssl.SSLContext) -> None:
    async with HostileRegistry({"x": harbor(f"http://{HOST}/token")}, tls=tls, address=OUTSIDE) as server:
        registries = Registries.empty()
        names = Names({HOST: [OUTSIDE]})
        async with Prober(registries, guard=OutsideIsPublic(registries), resolver=names) as prober:
            host = f"{HOST}:{server.port}"
            credential = Credential("LICENSE_ID", "the-license-id", frozenset({host}))
            result = await prober.verify(parse(f"{host}/x/y:1"), credential, timeout=10, max_age=60)

    assert result.verified is Verified.UNKNOWN
    assert "was not asked with the license" in result.message
    assert {request.authorization for request in server.requests} == {""}


async def test_a_realm_that_answers_elsewhere_is_still_asked_first(tls: ssl.SSLContext) -> None:
    """Of two realms, the one that may be asked counts."""
    refused = f'Bearer realm="http://{HOST}/token", '
    async with HostileRegistry({**BEHAVIOURS}, tls=tls, address=OUTSIDE) as server:
        server.behaviours["x"] = harbor(f"https://{HOST}:{server.port}/token/good/", refused)
        (result,) = await probe(server, Registries.empty())

    assert result.verdict is Verdict.PUBLIC


async def test_basic_alone_stays_a_refusal(tls: ssl.SSLContext) -> None:
    async with HostileRegistry(
        {"x": says(401, {"WWW-Authenticate": 'Basic realm="x"'})}, tls=tls, address=OUTSIDE
    ) as s:
        (result,) = await probe(s, Registries.empty())

    assert result.verdict is Verdict.PRIVATE
