"""Requests to the API server: however many one namespace makes, another one's go through, and so does the lease's."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kotsapp.fair_queue import Tenant, acting_for
from kotsapp.kube.access import Access
from kotsapp.kube.connection import MAX_REQUESTS_OF_APPS, Connection
from kotsapp.kube.request import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def holding() -> AsyncIterator[tuple[Connection, list[str], asyncio.Event]]:
    """A server that holds what is asked below /held until the event, and the paths that it was asked for."""
    paths: list[str] = []
    end = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        if request.path.startswith("/held"):
            await end.wait()
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        connection = Connection(Access(f"http://127.0.0.1:{server.port}"), "test")
        try:
            yield connection, paths, end
        finally:
            end.set()
            await connection.close()


async def ask(connection: Connection, path: str, tenant: Tenant | None) -> None:
    acting_for.set(tenant)
    await connection.json(Request("GET", path), attempts=1)


@pytest.mark.parametrize("tenant", [Tenant("other", "shop"), None], ids=["another namespace", "for all apps"])
async def test_many_requests_of_one_namespace_leave_places(tenant: Tenant | None) -> None:
    async with holding() as (connection, paths, end):
        held = [
            asyncio.create_task(ask(connection, f"/held/{app}/{number}", Tenant("busy", f"app-{app}")))
            for app in range(4)
            for number in range(MAX_REQUESTS_OF_APPS)
        ]
        async with asyncio.timeout(30):
            await asyncio.create_task(ask(connection, "/quick", tenant))
        assert len(paths) - 1 <= MAX_REQUESTS_OF_APPS / 2
        end.set()
        await asyncio.gather(*held)
    assert len(paths) == 1 + len(held)
