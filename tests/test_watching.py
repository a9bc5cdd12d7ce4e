"""What the requests of Kopf's watch of KotsApps tell: whether they are watched, and whether the watch may go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kotsapp.kube.access import Access
from kotsapp.kube.client import KubeClient
from kotsapp.kube.connection import Connection
from kotsapp.kube.discovery import Discovery
from kotsapp.watching import NOT_YET, PATIENCE, AppWatch, was_put_back

BASE = "/apis/kotsapp.dev/v1alpha1"
ALL = f"{BASE}/kotsapps"


@dataclass
class ApiServer:
    """Serves KotsApps at one version, with what each request to them is to be answered."""

    version: int = 100
    items: list[dict[str, Any]] = field(default_factory=list)
    list_status: int = 200
    watch_status: int = 200
    silent: bool = False
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == BASE:
            return web.json_response({"resources": [{"name": "kotsapps", "kind": "KotsApp", "namespaced": True}]})
        if self.silent and "watch" in request.query:
            self.waiting.set()
            await asyncio.Event().wait()
        if "watch" in request.query:
            return web.Response(status=self.watch_status)
        body = {"items": self.items, "metadata": {"resourceVersion": str(self.version)}}
        return web.json_response(body, status=self.list_status)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Kopf:
    """Asks as Kopf does: lists, then watches from a version."""

    watch: AppWatch
    session: aiohttp.ClientSession
    base: str

    async def list(self, path: str = ALL) -> None:
        async with self.session.get(f"{self.base}{path}"):
            pass

    async def follow(self, version: int, path: str = ALL) -> None:
        async with self.session.get(f"{self.base}{path}?watch=true&resourceVersion={version}"):
            pass


Starter = Callable[..., Awaitable[Kopf]]


@pytest.fixture
async def server() -> AsyncIterator[tuple[ApiServer, TestServer]]:
    api = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(application) as served:
        yield api, served


@pytest.fixture
async def start(server: tuple[ApiServer, TestServer]) -> AsyncIterator[Starter]:
    opened: list[Any] = []

    async def begin(*namespaces: str, known: dict[str, int] | None = None, clock: Clock | None = None) -> Kopf:
        base = f"http://127.0.0.1:{server[1].port}"
        connection = Connection(Access(base), "test", retry_wait=0.0)
        client = KubeClient(connection, Discovery(connection), "v1.37.2")
        watch = AppWatch(client, namespaces, lambda: known or {}, clock or Clock())
        session = connection.session(watch.middleware)
        opened.extend((session, connection))
        return Kopf(watch, session, base)

    yield begin
    for one in opened:
        await one.close()


async def until_over(watch: AppWatch, asking: Awaitable[None]) -> None:
    """The request that shows that it is over is never answered."""
    task = asyncio.ensure_future(asking)
    await asyncio.wait_for(watch.over.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_kotsapps_are_watched_when_they_were_listed_and_the_watch_stands(start: Starter) -> None:
    kopf = await start()
    assert kopf.watch.problem() == NOT_YET
    await kopf.list()
    assert kopf.watch.problem() == NOT_YET
    await kopf.follow(100)
    assert kopf.watch.problem() is None


async def test_other_requests_of_kopf_say_nothing(start: Starter) -> None:
    kopf = await start()
    await kopf.follow(100, "/api/v1/namespaces")
    assert kopf.watch.problem() == NOT_YET


async def test_every_namespace_has_to_be_watched(start: Starter) -> None:
    kopf = await start("a", "b")
    await kopf.follow(100, f"{BASE}/namespaces/a/kotsapps")
    assert kopf.watch.problem() == NOT_YET
    await kopf.follow(100, f"{BASE}/namespaces/b/kotsapps")
    assert kopf.watch.problem() is None


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_watch_that_is_refused_is_none(
    start: Starter, server: tuple[ApiServer, TestServer], status: int
) -> None:
    kopf = await start()
    await kopf.follow(100)
    server[0].watch_status = status
    await kopf.follow(100)
    assert kopf.watch.problem() == f"the API server answered {status}"
    server[0].watch_status = 200
    await kopf.follow(100)
    assert kopf.watch.problem() is None


async def test_a_server_that_is_gone_is_told_until_it_is_back(
    start: Starter, server: tuple[ApiServer, TestServer]
) -> None:
    kopf = await start()
    await kopf.follow(100)
    await server[1].close()
    with pytest.raises(aiohttp.ClientError):
        await kopf.follow(100)
    assert "the API server can't be reached" in str(kopf.watch.problem())


async def test_a_server_that_does_not_answer_is_told_after_a_while(
    start: Starter, server: tuple[ApiServer, TestServer]
) -> None:
    clock = Clock()
    kopf = await start(clock=clock)
    await kopf.follow(100)
    server[0].silent = True
    asking = asyncio.ensure_future(kopf.follow(100))
    await server[0].waiting.wait()
    assert kopf.watch.problem() is None
    clock.now += PATIENCE + 1
    assert kopf.watch.problem() == "the API server has not answered for 16 s"
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_definition_that_was_deleted_ends_it(start: Starter, server: tuple[ApiServer, TestServer]) -> None:
    kopf = await start()
    await kopf.follow(100)
    server[0].watch_status = 404
    await until_over(kopf.watch, kopf.follow(100))
    assert "CustomResourceDefinition was deleted" in kopf.watch.reason
    assert kopf.watch.problem() == kopf.watch.reason


async def test_a_server_that_was_put_back_ends_it(start: Starter, server: tuple[ApiServer, TestServer]) -> None:
    kopf = await start()
    await kopf.follow(100)
    server[0].version = 40
    await until_over(kopf.watch, kopf.follow(100))
    assert "put back to an earlier state" in kopf.watch.reason
    assert kopf.watch.problem() == kopf.watch.reason


async def test_a_server_that_has_written_much_since_is_known_by_a_kotsapp(
    start: Starter, server: tuple[ApiServer, TestServer]
) -> None:
    kopf = await start(known={"u1": 90})
    server[0].version = 300
    server[0].items = [{"metadata": {"name": "app", "uid": "u1", "resourceVersion": "80"}}]
    await until_over(kopf.watch, kopf.follow(100))


async def test_a_list_that_may_not_be_read_ends_nothing(start: Starter, server: tuple[ApiServer, TestServer]) -> None:
    kopf = await start()
    server[0].version, server[0].list_status = 40, 403
    await kopf.follow(100)
    assert not kopf.watch.over.is_set()
    assert kopf.watch.problem() is None


@pytest.mark.parametrize(
    ("held", "listed", "known", "live", "expected"),
    [
        (10, 10, {}, {}, False),
        (10, 11, {"a": 9}, {"a": 9}, False),
        (10, 11, {"a": 9}, {"a": 11}, False),
        (10, 11, {"a": 9}, {}, False),  # deleted meanwhile
        (10, 11, {}, {"b": 3}, False),  # not told of yet
        (10, 9, {}, {}, True),
        (10, 30, {"a": 9, "b": 8}, {"a": 12, "b": 7}, True),
    ],
)
def test_versions_grow_as_long_as_the_data_live(
    held: int, listed: int, known: dict[str, int], live: dict[str, int], expected: bool
) -> None:
    assert was_put_back(held, listed, known, live) is expected
