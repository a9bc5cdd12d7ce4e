"""What is asked of the API server about kinds, and how much of it is kept."""

from typing import Any

import pytest

from kotsapp.kube.discovery import MAX_VERSIONS, Discovery
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.request import Request

WIDGETS = {"resources": [{"name": "widgets", "kind": "Widget", "namespaced": True}]}


class Connection:
    """An API server with one kind."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def json(self, request: Request) -> Any:
        self.asked.append(request.path)
        if request.path == "/apis/example.com/v1":
            return WIDGETS
        raise ApiError(404, "NotFound", "not here")


def discovery() -> tuple[Discovery, Connection]:
    connection = Connection()
    return Discovery(connection), connection  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "version",
    [
        "apps/v1/deployments",
        "apps/",
        "/v1",
        "",
        "apps/V1",
        "Apps/v1",
        "a..b/v1",
        "apps/v1?watch=1",
        "v1 ",
    ],
)
async def test_what_is_no_group_and_version_is_not_asked_for(version: str) -> None:
    found, connection = discovery()

    with pytest.raises(UnknownKindError):
        await found.find(version, "Widget")

    assert connection.asked == []


async def test_what_is_one_is() -> None:
    found, _ = discovery()

    assert (await found.find("example.com/v1", "Widget")).plural == "widgets"


async def test_versions_that_are_not_served_are_kept_in_bounds_and_others_stay() -> None:
    found, connection = discovery()
    await found.find("example.com/v1", "Widget")
    for number in range(MAX_VERSIONS + 200):
        with pytest.raises(UnknownKindError):
            await found.find(f"g{number}.example.com/v1", "Widget")

    assert found.size <= MAX_VERSIONS
    connection.asked.clear()
    await found.find("example.com/v1", "Widget")
    assert connection.asked == []
