"""Writes end with the time for which a leader leads for certain; reads go on."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kotsapp.kube.access import Access
from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError
from kotsapp.kube.fence import Fence
from kotsapp.kube.request import Request

NOT_LEADING = "this operator does not lead"
SHORT = 2.0
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Server:
    """Answers everything with an empty object, but for what is to wait for ever; ``asked`` are the methods."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.method)
        if request.path == "/slow":
            await asyncio.Event().wait()
        return web.json_response({})


@pytest.fixture
async def served() -> AsyncIterator[tuple[Server, str]]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(application) as started:
        yield server, f"http://127.0.0.1:{started.port}"


@pytest.mark.parametrize("shut", [False, True], ids=["not open yet", "shut"])
@pytest.mark.parametrize("method", WRITES)
async def test_a_write_outside_of_the_fence_is_not_begun(served: tuple[Server, str], method: str, shut: bool) -> None:
    server, address = served
    fence = Fence()
    if shut:
        fence.extend(float("inf"))
        fence.shut()
    connection = Connection(Access(address), "test", fence)
    with pytest.raises(ApiError, match=NOT_LEADING):
        await connection.json(Request(method, "/"))
    await connection.json(Request("GET", "/"))
    async with connection.session() as session:  # Kopf's
        with pytest.raises(aiohttp.ClientConnectionError, match=NOT_LEADING):
            await session.request(method, address)
    await connection.close()
    assert server.asked == ["GET"]


@pytest.mark.parametrize("fence", [None, float("inf")], ids=["no fence", "open"])
async def test_a_write_within_the_fence_is_made(served: tuple[Server, str], fence: float | None) -> None:
    server, address = served
    opened = Fence() if fence is not None else None
    if opened is not None:
        opened.extend(time.clock_gettime(time.CLOCK_BOOTTIME) + 3600)
    connection = Connection(Access(address), "test", opened)
    for method in WRITES:
        await connection.json(Request(method, "/"))
    await connection.close()
    assert server.asked == list(WRITES)


async def test_a_write_that_has_no_answer_as_the_fence_closes_is_given_up_and_not_tried_again(
    served: tuple[Server, str],
) -> None:
    server, address = served
    fence = Fence(asyncio.get_running_loop().time)
    fence.extend(asyncio.get_running_loop().time() + SHORT)
    connection = Connection(Access(address), "test", fence)
    with pytest.raises(ApiError, match=NOT_LEADING):
        await connection.json(Request("PATCH", "/slow"))
    await connection.close()
    assert server.asked in (["PATCH"], []), "a busy machine may not come to it"


@pytest.mark.parametrize("kopfs", [False, True], ids=["our client", "Kopf's session"])
async def test_a_process_that_is_stopped_on_its_way_to_write_does_not_write_as_it_goes_on(
    served: tuple[Server, str], kopfs: bool
) -> None:
    """The time is over between the look at it and the first byte; nothing else in the loop has noticed yet."""
    server, address = served
    times = iter([0.0])
    fence = Fence(lambda: next(times, 60.0))
    fence.extend(10.0)
    connection = Connection(Access(address), "test", fence)
    if kopfs:
        async with connection.session() as session:
            with pytest.raises(aiohttp.ClientConnectionError, match=NOT_LEADING):
                await session.patch(address, json={"a": 1})
    else:
        with pytest.raises(ApiError, match=NOT_LEADING):
            await connection.json(Request("PATCH", "/", body={"a": 1}))
    await connection.close()
    assert server.asked == []


async def test_its_connection_is_reset_so_that_what_was_not_sent_is_never_sent() -> None:
    """Closed in order, its buffers would wait for a network that is whole again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fence = Fence(asyncio.get_running_loop().time)
        fence.extend(asyncio.get_running_loop().time() + SHORT)
        connection = Connection(Access(f"http://127.0.0.1:{silent.getsockname()[1]}"), "test", fence)
        with pytest.raises(ApiError, match=NOT_LEADING):
            await connection.json(Request("PATCH", "/"))
        await connection.close()
        silent.settimeout(30)
        accepted, _ = silent.accept()
        with accepted, pytest.raises(ConnectionResetError):
            accepted.settimeout(30)
            while accepted.recv(1 << 16):
                pass
