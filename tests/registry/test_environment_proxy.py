"""Registries are asked through the environment's proxy."""

import asyncio

import pytest

from harness.hostile import MANIFEST_TYPE
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict


class HttpProxy:
    """An HTTP proxy: forwards plain requests, refuses CONNECT after noting it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split("\r\n")[0])
        self.headers.append(head)
        if head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPE}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


async def test_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = HttpProxy()
    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://user:password@127.0.0.1:{port}")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "inside.invalid")
    entries = [{"host": "plain.invalid", "endpoint": "http://plain.invalid"}]
    async with Prober(Registries.read({"registries": entries}, "test")) as prober:
        plain = await prober.probe(parse("plain.invalid/x:1"), timeout=5, max_age=60)
        tunnel = await prober.probe(parse("outside.invalid/x:1"), timeout=5, max_age=60)
        inside = await prober.probe(parse("inside.invalid/x:1"), timeout=5, max_age=60)
        ours = await prober.probe(parse("169.254.169.254/x:1"), timeout=5, max_age=60)
    server.close()

    assert proxy.asked == [
        "HEAD http://plain.invalid/v2/x/manifests/1 HTTP/1.1",
        "CONNECT outside.invalid:443 HTTP/1.1",
    ]
    assert "Proxy-Authorization: Basic" in proxy.headers[0]
    assert plain.verdict is Verdict.PUBLIC
    assert (tunnel.verdict, inside.verdict, ours.verdict) == (Verdict.UNREACHABLE,) * 3
    assert "proxy" in tunnel.message
    assert "does not resolve" in inside.message
    assert "password" not in repr((plain, tunnel))
