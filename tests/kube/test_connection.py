"""What of the environment reaches the API server, and what must not."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kotsapp.kube.access import Access, environment_proxy
from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError
from kotsapp.kube.lines import MAX_EVENT
from kotsapp.kube.request import Request


@pytest.fixture
async def asked() -> AsyncIterator[tuple[TestServer, list[web.Request]]]:
    """A server that answers everything with an empty object, and the requests that it got."""
    requests: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request)
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        yield server, requests


async def get(host: str) -> None:
    connection = Connection(Access(host, proxy=environment_proxy(host, os.environ)), "test")
    await connection.json(Request("GET", "/version"), attempts=1)
    await connection.close()


async def test_a_netrc_file_is_not_for_the_api_server(
    asked: tuple[TestServer, list[web.Request]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, requests = asked
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    await get(f"http://127.0.0.1:{server.port}")
    assert "Authorization" not in requests[0].headers


async def test_the_environments_proxy_is_used(
    asked: tuple[TestServer, list[web.Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, requests = asked
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    await get("http://api.example.invalid")
    assert requests[0].headers["Host"] == "api.example.invalid"


async def test_the_environment_names_hosts_that_are_reached_without_its_proxy(
    asked: tuple[TestServer, list[web.Request]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, requests = asked
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    await get(f"http://127.0.0.1:{server.port}")
    assert len(requests) == 1


async def test_watches_take_no_connection_from_requests() -> None:
    watching, over = 0, asyncio.Event()

    async def watch(request: web.Request) -> web.StreamResponse:
        nonlocal watching
        watching += 1
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "BOOKMARK"}\n')
        await over.wait()
        return response

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"answered": True})

    application = web.Application()
    application.add_routes([web.get("/watch", watch), web.get("/version", answer)])
    async with TestServer(application) as server:
        connection = Connection(Access(f"http://127.0.0.1:{server.port}"), "test", connections=2)
        streams = [connection.stream(Request("GET", "/watch")) for _ in range(8)]
        async with asyncio.timeout(5):
            assert [await anext(stream) for stream in streams] == [{"type": "BOOKMARK"}] * 8
            assert await connection.json(Request("GET", "/version")) == {"answered": True}
        assert watching == 8
        over.set()
        for stream in streams:
            assert [event async for event in stream] == []
        await connection.close()


async def test_a_watch_goes_on_after_an_object_of_any_size() -> None:
    """Whoever may label an object of theirs must not cut the watch that everybody's objects are seen by."""
    sent = [{"type": "ADDED", "object": {"data": "x" * size}} for size in (10, 5 * 2**20, 200_000, 10)]
    async with streaming(*(json.dumps(event).encode() + b"\n" for event in sent)) as connection:
        got = [event async for event in connection.stream(Request("GET", "/watch"))]

    assert got == sent


async def test_a_line_that_never_ends_is_not_kept() -> None:
    async with streaming(*(b"x" * 2**20 for _ in range(MAX_EVENT // 2**20 + 2))) as connection:
        with pytest.raises(ApiError, match=r"an event of more than 32 MiB"):
            [event async for event in connection.stream(Request("GET", "/watch"))]


@asynccontextmanager
async def streaming(*chunks: bytes) -> AsyncIterator[Connection]:
    """A server whose watch is these bytes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            for chunk in chunks:
                await response.write(chunk)
        return response

    application = web.Application()
    application.router.add_get("/watch", answer)
    async with TestServer(application) as server:
        connection = Connection(Access(f"http://127.0.0.1:{server.port}"), "test")
        try:
            yield connection
        finally:
            await connection.close()
