"""Whoever may label objects makes lists as large as they like: how much of one is read at once is bounded."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from harness.cluster import APP, NAMESPACE, obj, owned_by
from harness.owned_watch import watching
from harness.virtual_time import in_virtual_time
from kotsapp.kube.access import Access
from kotsapp.kube.client import LIST_CHUNK, MAX_PAGE, KubeClient
from kotsapp.kube.connection import AnswerTooLargeError, Connection
from kotsapp.kube.discovery import Discovery, ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.kube.lines import MAX_EVENT
from kotsapp.kube.request import Request

MIB = 2**20
CONFIG_MAPS = ResourceType("v1", "ConfigMap", "configmaps", namespaced=True)


class Listing(Connection):
    """Lists objects of these sizes; ``asked`` are the limits of the requests, ``largest`` the largest answer."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes
        self.asked: list[int] = []
        self.largest = 0

    async def page(self, request: Request, limit: int) -> tuple[dict[str, Any], int]:
        query = dict(request.query)
        first, chunk = int(query.get("continue", "0")), int(query["limit"])
        sizes, left = self.sizes[first : first + chunk], self.sizes[first + chunk :]
        self.asked.append(chunk)
        if sum(sizes) > limit:
            raise AnswerTooLargeError
        self.largest = max(self.largest, sum(sizes))
        items = [{"metadata": {"name": str(first + number)}} for number in range(len(sizes))]
        more = {"continue": str(first + chunk)} if left else {}
        return {"metadata": {"resourceVersion": "7", **more}, "items": items}, sum(sizes)


def client(connection: Connection) -> KubeClient:
    return KubeClient(connection, Discovery(connection), "v1.37.2")


async def test_ordinary_objects_are_listed_in_large_pages() -> None:
    listing = Listing(*[4096] * 1_200)
    found, version = await client(listing).list(CONFIG_MAPS)

    assert len(found) == 1_200
    assert version == "7"
    assert listing.asked == [LIST_CHUNK] * 3


async def test_of_large_objects_fewer_are_asked_for_at_once_and_of_small_ones_behind_them_more_again() -> None:
    listing = Listing(*[256 * 1024] * 500, *[2048] * 2_000)
    found, _ = await client(listing).list(CONFIG_MAPS)

    assert [item["metadata"]["name"] for item in found] == [str(number) for number in range(2_500)]
    assert listing.largest <= MAX_PAGE
    assert LIST_CHUNK in listing.asked[3:]


async def test_one_object_may_be_as_large_as_an_event_and_no_larger() -> None:
    found, _ = await client(Listing(2048, MAX_EVENT, 2048)).list(CONFIG_MAPS)
    assert len(found) == 3

    with pytest.raises(ApiError, match="one of the configmaps is too large"):
        await client(Listing(2048, MAX_EVENT + 1)).list(CONFIG_MAPS)


@asynccontextmanager
async def serving(body: bytes) -> AsyncIterator[Connection]:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity", "a bound on what is packed bounds nothing"
        return web.Response(body=body, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        connection = Connection(Access(f"http://127.0.0.1:{server.port}"), "test")
        try:
            yield connection
        finally:
            await connection.close()


async def test_an_answer_is_read_up_to_its_bound() -> None:
    body = json.dumps({"a": "x" * MIB}).encode()
    async with serving(body) as connection:
        assert await connection.page(Request("GET", "/"), len(body)) == (json.loads(body), len(body))
        with pytest.raises(AnswerTooLargeError):
            await connection.page(Request("GET", "/"), len(body) - 1)


@in_virtual_time
async def test_labelled_objects_with_large_annotations_are_all_seen() -> None:
    made = [obj("ConfigMap", f"large-{number}", metadata={"annotations": {"a": "x" * 200_000}}) for number in range(60)]
    assert {one["metadata"]["namespace"] for one in made} == {NAMESPACE}
    async with watching(*made) as seen:
        assert all(seen.knows(owned_by(APP, one)) for one in made)
