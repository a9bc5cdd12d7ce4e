"""Where the administrator says nothing else: https only, and certificates that verify."""

import asyncio
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.hostile import HostileRegistry
from harness.hostile_answers import BEHAVIOURS
from harness.outside import HOST, OUTSIDE, Names, OutsideIsPublic
from harness.outside_registries import outside, probe
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict


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
