"""What is not the administrator's word: https only, real certificates, no way to our own network.

Loopback has to stand for the internet here: 127.0.0.2 is declared public for these tests, 127.0.0.1 stays forbidden.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.hostile import Behaviour, HostileRegistry, Request, Talk, redirects, says
from harness.hostile_answers import BEHAVIOURS
from harness.outside import HOST, OUTSIDE, Names, OutsideIsPublic
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

PASSWORD = "the-license-id"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def trusted_ca(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture
async def inside() -> AsyncIterator[HostileRegistry]:
    """A service on the operator's own loopback, that nobody may be led to."""
    async with HostileRegistry({**BEHAVIOURS, "": says(200, {}, b"secret")}) as server:
        yield server


@contextlib.asynccontextmanager
async def outside(
    behaviours: Mapping[str, Behaviour], tls: ssl.SSLContext | None, names: Mapping[str, list[str]] | None = None
) -> AsyncIterator[tuple[HostileRegistry, Prober]]:
    """A registry "on the internet" and a prober that knows nothing of it but its name."""
    async with HostileRegistry(dict(behaviours), tls=tls, address=OUTSIDE) as server:
        table = {HOST: [OUTSIDE], **(names or {})}
        registries = Registries.empty()
        async with Prober(registries, guard=OutsideIsPublic(registries), resolver=Names(table)) as prober:
            yield server, prober


async def probe(prober: Prober, server: HostileRegistry, behaviour: str) -> ProbeResult:
    return await prober.probe(parse(f"{HOST}:{server.port}/{behaviour}/x:1"), timeout=2, max_age=60)


def bearer(realm: str) -> Behaviour:
    return says(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})


@pytest.mark.usefixtures("trusted_ca")
async def test_a_good_certificate_of_a_ca_of_the_environment(authority: Authority) -> None:
    async with outside(BEHAVIOURS, authority.server(HOST)) as (server, prober):
        assert (await probe(prober, server, "ok")).verdict is Verdict.PUBLIC


@pytest.mark.parametrize("bare_ca", [False, True])
async def test_a_certificate_that_containerd_takes(
    bare_ca: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key identifiers, and a CA with basicConstraints alone: strict by RFC 5280 refuses either."""
    authority = Authority.create(tmp_path, bare=bare_ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with outside(BEHAVIOURS, authority.server(HOST, bare=True)) as (server, prober):
        of_environment = await probe(prober, server, "ok")
    monkeypatch.delenv("SSL_CERT_FILE")
    async with HostileRegistry(BEHAVIOURS, tls=authority.server("localhost", bare=True)) as server:
        entry = {"host": HOST, "endpoint": f"https://localhost:{server.port}", "caFile": str(authority.file)}
        async with Prober(Registries.read({"registries": [entry]}, "test")) as prober:
            of_file = await prober.probe(parse(f"{HOST}/ok/x:1"), timeout=5, max_age=60)

    assert of_environment.verdict is Verdict.PUBLIC, of_environment.message
    assert of_file.verdict is Verdict.PUBLIC, of_file.message


@pytest.mark.usefixtures("trusted_ca")
@pytest.mark.parametrize(
    ("name", "options", "says_what"),
    [
        (HOST, {"self_signed": True}, "certificate"),
        (HOST, {"expired": True}, "certificate"),
        ("other.example.invalid", {}, "certificate"),
    ],
)
async def test_a_bad_certificate(authority: Authority, name: str, options: dict[str, bool], says_what: str) -> None:
    async with outside(BEHAVIOURS, authority.server(name, **options)) as (server, prober):
        result = await probe(prober, server, "ok")

    assert result.verdict is Verdict.UNREACHABLE
    assert says_what in result.message
    assert server.requests == []


async def test_plain_http_where_https_is_due() -> None:
    async with outside(BEHAVIOURS, None) as (server, prober):
        result = await probe(prober, server, "ok")

    assert result.verdict is Verdict.UNREACHABLE
    assert server.requests == []


@pytest.mark.parametrize(("tls", "verdict"), [({}, "Unreachable"), ({"insecureSkipVerify": True}, "Public")])
async def test_the_file_may_skip_verification(authority: Authority, tls: dict[str, bool], verdict: str) -> None:
    async with HostileRegistry(BEHAVIOURS, tls=authority.server("localhost", self_signed=True)) as server:
        entry = {"host": HOST, "endpoint": server.endpoint, **tls}
        async with Prober(Registries.read({"registries": [entry]}, "test")) as prober:
            result = await prober.probe(parse(f"{HOST}/ok/x:1"), timeout=2, max_age=60)

    assert str(result.verdict) == verdict


async def test_the_file_may_name_a_ca(authority: Authority) -> None:
    async with HostileRegistry(BEHAVIOURS, tls=authority.server("localhost")) as server:
        endpoint = f"https://localhost:{server.port}"
        entry = {"host": HOST, "endpoint": endpoint, "caFile": str(authority.file)}
        async with Prober(Registries.read({"registries": [entry]}, "test")) as prober:
            result = await prober.probe(parse(f"{HOST}/ok/x:1"), timeout=2, max_age=60)

    assert result.verdict is Verdict.PUBLIC


async def test_a_handshake_that_never_ends(authority: Authority) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, OUTSIDE, 0)
    port = server.sockets[0].getsockname()[1]
    registries = Registries.empty()
    async with Prober(registries, guard=OutsideIsPublic(registries), resolver=Names({HOST: [OUTSIDE]})) as prober:
        result = await prober.probe(parse(f"{HOST}:{port}/x:1"), timeout=0.5, max_age=60)
    server.close()

    assert result.verdict is Verdict.UNREACHABLE
    assert result.elapsed < 10


@pytest.mark.parametrize(
    "image",
    [
        "localhost:{port}/ok/x:1",
        "127.0.0.1:{port}/ok/x:1",
        "[::1]:{port}/ok/x:1",
        "[::ffff:127.0.0.1]:{port}/ok/x:1",
        "0.0.0.0:{port}/ok/x:1",
        "127.1:{port}/ok/x:1",
        "2130706433.:{port}/ok/x:1",
        "169.254.169.254/ok/x:1",
        "metadata.google.internal/ok/x:1",
    ],
)
async def test_an_image_can_not_name_our_own_network(image: str, inside: HostileRegistry) -> None:
    try:
        reference = parse(image.format(port=inside.port))
    except ValueError:
        return  # not even a reference
    async with Prober() as prober:
        result = await prober.probe(reference, timeout=2, max_age=60)

    assert result.verdict is Verdict.UNREACHABLE
    assert "is not asked" in result.message or "can't be reached" in result.message
    assert inside.connections == 0


LED_ASTRAY = [
    "http://127.0.0.1:{port}/token",
    "https://127.0.0.1:{port}/token",
    "https://localhost:{port}/token",
    "https://sub.localhost:{port}/token",
    "https://[::1]:{port}/token",
    "https://[::ffff:127.0.0.1]:{port}/token",
    "https://[::ffff:7f00:1]:{port}/token",
    "https://[::127.0.0.1]:{port}/token",
    "https://[2002:7f00:1::]:{port}/token",
    "https://[64:ff9b::7f00:1]:{port}/token",
    "https://0.0.0.0:{port}/token",
    "https://2130706433:{port}/token",
    "https://0x7f.1:{port}/token",
    "https://127.1:{port}/token",
    "https://169.254.169.254/latest/meta-data",
    "https://100.100.100.200/latest/meta-data",
    "https://[fd00:ec2::254]/latest/meta-data",
    "https://metadata.google.internal/",
    "https://user:password@127.0.0.1:{port}/",
    "https://inside.example.invalid:{port}/token",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "//127.0.0.1:{port}/token",
]
INSIDE_NAMES = {"inside.example.invalid": ["127.0.0.1"], "sub.localhost": ["127.0.0.1"], "localhost": ["127.0.0.1"]}


@pytest.mark.usefixtures("trusted_ca")
@pytest.mark.parametrize("where", LED_ASTRAY)
async def test_a_realm_does_not_lead_inside(where: str, inside: HostileRegistry, authority: Authority) -> None:
    behaviours = {"x": bearer(where.format(port=inside.port))}
    async with outside(behaviours, authority.server(HOST), INSIDE_NAMES) as (server, prober):
        result = await probe(prober, server, "x")

    assert inside.connections == 0
    assert result.verdict in {Verdict.PRIVATE, Verdict.UNREACHABLE}
    assert len(server.requests) == 1


@pytest.mark.usefixtures("trusted_ca")
@pytest.mark.parametrize("where", LED_ASTRAY)
async def test_a_redirect_does_not_lead_inside(where: str, inside: HostileRegistry, authority: Authority) -> None:
    behaviours = {"x": redirects(where.format(port=inside.port))}
    async with outside(behaviours, authority.server(HOST), INSIDE_NAMES) as (server, prober):
        result = await probe(prober, server, "x")

    assert inside.connections == 0
    assert result.verdict is Verdict.UNREACHABLE
    assert len(server.requests) == 1


@pytest.mark.usefixtures("trusted_ca")
async def test_the_address_that_is_checked_is_the_address_connected_to(
    inside: HostileRegistry, authority: Authority
) -> None:
    """A name that resolves to a public address at first and to loopback for the next connection."""
    names = {"rebinding.example.invalid": [OUTSIDE, "127.0.0.1"]}
    tls = authority.server("rebinding.example.invalid")
    async with outside({**BEHAVIOURS}, tls, names) as (server, prober):
        first = await prober.probe(
            parse(f"rebinding.example.invalid:{server.port}/http10/x:1"), timeout=2, max_age=0, refresh=True
        )
        again = await prober.probe(
            parse(f"rebinding.example.invalid:{inside.port}/http10/x:1"), timeout=2, max_age=0, refresh=True
        )

    assert first.verdict is Verdict.PUBLIC
    assert again.verdict is Verdict.UNREACHABLE
    assert "loopback" in again.message
    assert inside.connections == 0


def credential(*hosts: str) -> Credential:
    return Credential("LICENSE_ID", PASSWORD, frozenset(hosts))


def seen(*servers: HostileRegistry) -> set[str]:
    return {request.authorization for server in servers for request in server.requests} - {""}


@pytest.mark.usefixtures("trusted_ca")
async def test_the_license_goes_to_no_realm_of_another_host(authority: Authority) -> None:
    async with HostileRegistry(BEHAVIOURS, tls=authority.server("thief.example.invalid"), address=OUTSIDE) as thief:
        realm = f"https://thief.example.invalid:{thief.port}/token/good/"
        names = {"thief.example.invalid": [OUTSIDE]}
        async with outside({"x": bearer(realm)}, authority.server(HOST), names) as (server, prober):
            host = f"{HOST}:{server.port}"
            result = await prober.verify(parse(f"{host}/x/y:1"), credential(host), timeout=2, max_age=60)

        assert result.verified is Verified.UNKNOWN
        assert thief.connections == 0
        assert seen(server) == set()
        assert PASSWORD not in repr(result)


@pytest.mark.usefixtures("trusted_ca")
async def test_the_license_does_not_follow_a_redirect(authority: Authority) -> None:
    async def wants_basic(request: Request, talk: Talk) -> None:
        await talk.answer(401, {"WWW-Authenticate": 'Basic realm="give it to me"'})

    async with HostileRegistry(
        {"x": wants_basic}, tls=authority.server("thief.example.invalid"), address=OUTSIDE
    ) as thief:

        async def first_basic_then_redirect(request: Request, talk: Talk) -> None:
            if request.authorization:
                await talk.answer(307, {"Location": f"https://thief.example.invalid:{thief.port}/v2/x/"})
            else:
                await talk.answer(401, {"WWW-Authenticate": 'Basic realm="proxy"'})

        names = {"thief.example.invalid": [OUTSIDE]}
        async with outside({"x": first_basic_then_redirect}, authority.server(HOST), names) as (server, prober):
            host = f"{HOST}:{server.port}"
            result = await prober.verify(parse(f"{host}/x/y:1"), credential(host), timeout=2, max_age=60)

    assert result.verified is Verified.UNKNOWN
    assert [request.authorization for request in thief.requests] == [""]
    assert seen(server) == {credential().basic}


@pytest.mark.usefixtures("trusted_ca")
async def test_the_license_goes_to_the_hosts_own_realm(authority: Authority) -> None:
    behaviours = dict(BEHAVIOURS)

    async def proxy(request: Request, talk: Talk) -> None:
        if request.authorization == "Bearer good-token":
            await BEHAVIOURS["ok"](request, talk)
        else:
            await talk.challenge(f"https://{HOST}:{talk.server.port}/token/good/")

    behaviours["proxy"] = proxy
    async with outside(behaviours, authority.server(HOST)) as (server, prober):
        host = f"{HOST}:{server.port}"
        mine = await prober.verify(parse(f"{host}/proxy/y:1"), credential(host), timeout=2, max_age=60)
        anonymous = await prober.probe(parse(f"{host}/proxy/y:1"), timeout=2, max_age=60)

    assert mine.verified is Verified.TRUE
    assert anonymous.verdict is Verdict.PUBLIC
    tokens = [request.authorization for request in server.requests if "/token/" in request.path]
    assert tokens == [credential().basic, ""]  # one token each: an anonymous probe never uses the license's


async def test_the_license_is_not_sent_to_a_host_it_is_not_for(tmp_path: Path) -> None:
    async with HostileRegistry(BEHAVIOURS) as server:
        entries = Registries.read({"registries": [{"host": HOST, "endpoint": server.endpoint}]}, "test")
        async with Prober(entries) as prober:
            result = await prober.verify(
                parse(f"{HOST}/basic/x:1"), credential("proxy.replicated.com"), timeout=2, max_age=60
            )

    assert result.verified is Verified.UNKNOWN
    assert server.connections == 0


async def test_the_license_is_never_sent_in_the_clear_to_a_host_that_is_asked_by_https(authority: Authority) -> None:
    async with HostileRegistry(BEHAVIOURS) as plain:
        realm = f"http://127.0.0.1:{plain.port}/token/good/"
        async with HostileRegistry({"x": bearer(realm)}, tls=authority.server("127.0.0.1")) as server:
            entry = {"host": HOST, "endpoint": server.endpoint, "insecureSkipVerify": True}
            async with Prober(Registries.read({"registries": [entry]}, "test")) as prober:
                result = await prober.verify(parse(f"{HOST}/x/y:1"), credential(HOST), timeout=2, max_age=60)

    assert result.verified is Verified.UNKNOWN
    assert plain.connections == 0


@pytest.mark.usefixtures("trusted_ca")
async def test_a_realm_inside_is_no_different_for_the_second_image(
    authority: Authority, inside: HostileRegistry
) -> None:
    realm = f"https://inside.example.invalid:{inside.port}/token"
    names = {"inside.example.invalid": ["127.0.0.1"]}
    async with outside({"x": bearer(realm), "y": bearer(realm)}, authority.server(HOST), names) as (server, prober):
        results = [await probe(prober, server, name) for name in ("x", "y")]

    assert {result.verdict for result in results} == {Verdict.UNREACHABLE}
    assert inside.connections == 0


async def test_two_apps_with_one_license_and_different_domains_have_answers_of_their_own(tmp_path: Path) -> None:
    async with HostileRegistry(BEHAVIOURS) as server:
        entries = Registries.read({"registries": [{"host": HOST, "endpoint": server.endpoint}]}, "test")
        async with Prober(entries) as prober:
            image = parse(f"{HOST}/ok/x:1")
            elsewhere = await prober.verify(image, credential("proxy.replicated.com"), timeout=2, max_age=60)
            here = await prober.verify(image, credential(HOST), timeout=2, max_age=60)

    assert (elsewhere.verified, here.verified) == (Verified.UNKNOWN, Verified.TRUE)
