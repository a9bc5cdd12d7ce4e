"""Lists of tags: page by page, and those without end or sense."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.hostile import Request, Talk
from harness.oci_looks import GOOD, Change, Serving, look, reported, serving
from kotsapp.sources.errors import SourceContentError, SourceRefusedError


def pages(*contents: Any, link: str = '</v2/x/shop/tags/list?n=1000&last={n}>; rel="next"') -> Change:
    async def change(request: Request, talk: Talk) -> bool:
        if "/tags/list" not in request.path:
            return False
        number = int(request.path.rpartition("last=")[2]) if "last=" in request.path else 0
        more = {"Link": link.format(n=number + 1)} if number + 1 < len(contents) else {}
        body = (
            contents[number] if isinstance(contents[number], bytes) else json.dumps({"tags": contents[number]}).encode()
        )
        await talk.answer(200, more, body)
        return True

    return change


async def test_tags_are_read_page_by_page() -> None:
    image = replace(GOOD, blobs={**GOOD.blobs, "1.3.0": b""})
    async with serving(Serving(image, change=pages(["1.0.0", "latest"], ["1.2.0"], ["1.1.0"]))) as (_, web):
        with pytest.raises(SourceRefusedError, match=r"shop:1\.2\.0: the registry answered 404"):
            await look(web, version="1.x")


async def test_the_next_page_is_asked_for_at_the_registry_itself_wherever_it_is_said_to_be() -> None:
    link = '<https://elsewhere.invalid/v2/x/shop/tags/list?last={n}>; rel="next"'
    async with serving(Serving(change=pages(["1.0.0"], ["1.2.0"], link=link))) as (server, web):
        with pytest.raises(SourceRefusedError, match=r"shop:1\.2\.0"):
            await look(web, version="1.x")
    assert [request for request in server.requests if request.path == "/v2/x/shop/tags/list?last=1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (pages(*[[f"1.0.{n}" for n in range(1000)]] * 30), "has more than 10000 tags, too many to pick a version"),
        (pages(*[[]] * 200), "too many to pick a version from"),
        (pages(b'{"tags": "1.0.0"}'), "can't be read: it has no list of tags"),
        (pages(b'{"tags": [' + b" " * 300_000 + b"]}"), "can't be read: it is larger than 256 KiB"),
        (pages(b"[" * 5_000), "can't be read: it is nested deeper"),
    ],
)
async def test_lists_of_tags_without_end_or_sense_are_refused(change: Change, says: str) -> None:
    assert says in str(await reported(Serving(change=change), SourceContentError, version="1.x"))


async def test_tags_that_are_none_and_an_empty_list_pick_nothing() -> None:
    change = pages(["1.0.0/../../x", 7, None, "a\nb", "x" * 200])
    assert "(it has no tags)" in str(await reported(Serving(change=change), SourceRefusedError, version="1.x"))
    assert "(it has no tags)" in str(
        await reported(Serving(change=pages(b'{"name": "x", "tags": null}')), SourceRefusedError, version="1.x")
    )
