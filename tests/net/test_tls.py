"""Chain, name and dates decide about a certificate, as for kubectl and containerd; on every Python alike."""

import asyncio
import ssl
from pathlib import Path

import pytest

from harness.certificates import Authority
from kotsapp.net.tls import certificate_problem, client_context

HOST = "api.example.invalid"


async def handshake(server_context: ssl.SSLContext, client: ssl.SSLContext, host: str = HOST) -> None:
    """Raises what the client's handshake with such a server raises."""

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=server_context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        writer.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path)


@pytest.fixture
def bare(tmp_path: Path) -> Authority:
    folder = tmp_path / "bare"
    folder.mkdir()
    return Authority.create(folder, bare=True)


def trusting(authority: Authority) -> ssl.SSLContext:
    return client_context(ca_file=str(authority.file), system=False)


@pytest.mark.parametrize("bare_leaf", [False, True])
async def test_a_certificate_of_a_ca_with_nothing_but_basic_constraints(bare: Authority, bare_leaf: bool) -> None:
    await handshake(bare.server(HOST, bare=bare_leaf), trusting(bare))


async def test_a_certificate_without_key_identifiers(authority: Authority) -> None:
    await handshake(authority.server(HOST, bare=True), trusting(authority))


async def test_an_address_is_as_good_as_a_name(bare: Authority) -> None:
    await handshake(bare.server("127.0.0.1", bare=True), trusting(bare), "127.0.0.1")


async def test_a_servers_own_certificate_may_be_the_ca(authority: Authority) -> None:
    file = authority.issue(HOST, self_signed=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    await handshake(server, client_context(ca_data=file.read_text(), system=False))


async def test_an_intermediate_may_be_the_ca(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "intermediate"
    folder.mkdir()
    intermediate = Authority.create(folder, issuer=authority)
    await handshake(intermediate.server(HOST), trusting(intermediate))


async def test_the_systems_cas_count_where_they_are_asked_for(
    bare: Authority, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bare.file))
    server = bare.server(HOST, bare=True)
    await handshake(server, client_context())
    await handshake(server, client_context(ca_file=str(authority.file)))
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server, trusting(authority))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"expired": True}, "certificate has expired"),
        ({"self_signed": True}, "self-signed certificate"),
        ({"san": False}, f"Hostname mismatch, certificate is not valid for '{HOST}'"),
    ],
)
async def test_a_certificate_that_go_refuses_too(authority: Authority, options: dict[str, bool], problem: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        await handshake(authority.server(HOST, **options), trusting(authority))
    assert certificate_problem(raised.value) == problem
    await handshake(authority.server(HOST, **options), client_context(insecure=True))


async def test_another_servers_certificate(authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        await handshake(authority.server("other.example.invalid"), trusting(authority))


async def test_a_certificate_that_is_no_ca_signs_nothing(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "leaf"
    folder.mkdir()
    leaf = Authority.create(folder, issuer=authority, ca=False)
    file = leaf.issue(HOST)
    file.write_bytes(file.read_bytes() + leaf.file.read_bytes())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    with pytest.raises(ssl.SSLCertVerificationError, match="invalid CA"):
        await handshake(server, trusting(authority))


def test_cas_that_can_not_be_read() -> None:
    with pytest.raises(OSError, match="No such file"):
        client_context(ca_file="/nowhere/ca.pem")
    with pytest.raises(OSError, match=r"not enough data|no start line"):
        client_context(ca_data="nothing")


def test_what_is_no_certificates_problem() -> None:
    assert certificate_problem(ssl.SSLError(1, "wrong version number")) is None
