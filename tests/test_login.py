"""How often credentials that the API server refuses are given to Kopf again, and what they are."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import kopf
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from harness.certificates import Authority
from harness.kubeconfigs import embedded, kubeconfig, noting_server, write
from kotsapp.backoff import Backoff
from kotsapp.kube.access import Access
from kotsapp.kube.connection import Connection
from kotsapp.kube.request import Request
from kotsapp.login import MAX_REFUSALS, SERVED_SECONDS, Login

AT_ONCE = Backoff(first=0.0, longest=0.0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    config = {
        "clusters": [{"name": "here", "cluster": {"server": "https://api.example.invalid"}}],
        "users": [{"name": "me", "user": {"token": "the-token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    opened = await Connection.open("test", kubeconfig=str(path))
    yield opened
    await opened.close()


@dataclass
class Renewed:
    """Credentials that change with time."""

    token: str

    async def header(self) -> str:
        return f"Bearer {self.token}"

    def refused(self) -> None:
        pass


async def given(credentials: Login) -> kopf.AiohttpSession | None:
    info = await credentials.credentials()
    if info is not None:
        await info.aiohttp_session.close()
    return info


async def test_kopf_asks_where_and_as_whom_our_own_client_does() -> None:
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        renewed = Renewed("first")
        access = Access(f"http://127.0.0.1:{server.port}/a/path", credentials=renewed)
        connection = Connection(access, "kotsapp-operator/0")
        info = await Login(connection).credentials()
        assert info is not None
        for token in ("first", "second"):
            renewed.token = token
            await info.aiohttp_session.get(f"{info.server}/apis")
            await connection.json(Request("GET", "/apis"))
        await info.aiohttp_session.close()
        await connection.close()

    assert [request.path for request in asked] == ["/a/path/apis"] * 4
    assert [request.headers["Authorization"] for request in asked] == ["Bearer first"] * 2 + ["Bearer second"] * 2
    assert {request.headers["User-Agent"] for request in asked} == {"kotsapp-operator/0"}


@pytest.mark.parametrize("bare_ca", [False, True])
async def test_kopf_takes_a_certificate_that_kubectl_takes(bare_ca: bool, tmp_path: Path) -> None:
    """No key identifiers, and a CA with basicConstraints alone: strict by RFC 5280 refuses either."""
    authority = Authority.create(tmp_path, bare=bare_ca)
    async with noting_server(authority.server("localhost", bare=True), authority) as server:
        cluster = {"server": server.url, "certificate-authority-data": embedded(authority.file)}
        file = write(tmp_path / "config", kubeconfig(cluster, {"token": "the-token"}))
        connection = await Connection.open("test", kubeconfig=str(file))
        info = await Login(connection).credentials()
        assert info is not None
        async with info.aiohttp_session as session, session.get(f"{info.server}/apis") as response:
            assert response.status == 200
        await connection.close()


async def test_the_same_credentials_are_given_again_and_never_look_the_same(
    connection: Connection, clock: Clock
) -> None:
    credentials = Login(connection, clock=clock, retry=AT_ONCE)
    infos = [await given(credentials) for _ in range(MAX_REFUSALS + 1)]
    assert {info.server for info in infos if info} == {"https://api.example.invalid"}
    assert len({info for info in infos if info}) == MAX_REFUSALS + 1


async def test_credentials_that_are_refused_for_ever_end_it(
    connection: Connection, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = Login(connection, clock=clock, retry=AT_ONCE)
    for _ in range(MAX_REFUSALS + 1):
        assert await given(credentials)
    assert await given(credentials) is None
    assert "answered 401 10 times in a row" in caplog.text


async def test_credentials_that_served_for_long_begin_anew(connection: Connection, clock: Clock) -> None:
    credentials = Login(connection, clock=clock, retry=AT_ONCE)
    for _ in range(MAX_REFUSALS + 1):
        assert await given(credentials)
    clock.now += SERVED_SECONDS
    assert await given(credentials)
