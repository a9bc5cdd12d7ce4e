"""What of the environment reaches the API server, and what must not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from kotsapp.cluster.connection import Connection


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
    connection = Connection(Configuration(host=host), "test")
    await connection.json("GET", "/version", attempts=1)
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
