"""A status that can be written: bounded in bytes, and one with a reason where the API server finds it too large."""

import json
from typing import Any

import pytest

from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.status_writer import StatusWriter
from kotsapp.reconcile.storable_status import MAX_STATUS_BYTES, bounded
from kotsapp.redact import Redactor

APP = App("apps", "my-app", "uid", 2, {})
ENTRY = {"kind": "ConfigMap", "apiVersion": "v1", "name": "settings", "namespace": "apps", "digest": "d"}
READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "fine", "lastTransitionTime": "t"}


def status(images: int = 0, users: int = 20) -> dict[str, Any]:
    used = [f"Deployment/{'x' * 250}{number}" for number in range(users)]
    return {
        "conditions": [READY],
        "inventory": [ENTRY],
        "images": [{"image": f"quay.io/org/{n}:1", "verdict": "Public", "usedBy": used} for n in range(images)],
        "imageSummary": {"total": images},
    }


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def test_a_small_status_is_left_as_it_is() -> None:
    assert bounded(status(3)) == status(3)


@pytest.mark.parametrize(("images", "users"), [(500, 20), (5000, 2), (5, 50_000), (100_000, 1)])
def test_a_large_one_is_shortened_where_nothing_is_lost_for_the_operator(images: int, users: int) -> None:
    large = status(images, users)
    assert size(large) > MAX_STATUS_BYTES

    reported = bounded(large)

    assert size(reported) <= MAX_STATUS_BYTES
    for kept in ("conditions", "inventory", "imageSummary"):
        assert reported[kept] == large[kept]
    assert reported["images"], "the worst are still told"
    assert reported["images"][0]["image"] == large["images"][0]["image"]


class Client:
    """An API server that finds too large whatever holds a new inventory."""

    def __init__(self, error: ApiError) -> None:
        self.error = error
        self.written: list[dict[str, Any]] = []

    async def resource_type(self, *_: str) -> str:
        return "kotsapps"

    async def patch_status(self, _kind: str, _name: str, _namespace: str, patch: list[dict[str, Any]]) -> None:
        found = patch[1]["value"]
        if len(found.get("inventory") or ()) > 1:
            raise self.error
        self.written.append(found)


@pytest.mark.parametrize(
    "error",
    [
        ApiError(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
        ApiError(500, "InternalError", "etcdserver: request is too large"),
        ApiError(500, "InternalError", "rpc error: trying to send message larger than max (2 vs. 1)"),
    ],
    ids=lambda error: error.message[:20],
)
async def test_one_that_is_too_large_is_told_with_the_inventory_that_is_there(error: ApiError) -> None:
    client = Client(error)
    writer = StatusWriter(status(3), Redactor())
    wanted = {**status(3), "inventory": [ENTRY] * 9}

    with pytest.raises(ApiError):
        await writer.write(APP, wanted, client)  # type: ignore[arg-type]

    reported = client.written[-1]
    assert reported["inventory"] == [ENTRY]
    ready = reported["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "ApplyFailed")
    assert "too large" in ready["message"]
    assert "split the app" in ready["message"]
    assert writer.status == reported
