"""The fake API behind the operator's own client: everything above the socket is the real thing."""

import json
from collections.abc import AsyncIterator
from typing import Any

from harness.fakekube.answers import RefusedError
from harness.fakekube.api import FakeApi, UnreachableError
from harness.fakekube.requests import Call
from harness.fakekube.streams import CutError
from kotsapp.kube.client import KubeClient
from kotsapp.kube.connection import AnswerTooLargeError, Connection
from kotsapp.kube.discovery import Discovery
from kotsapp.kube.errors import ApiError, from_answer
from kotsapp.kube.request import Request

AGENT = "kotsapp-operator"


class FakeConnection(Connection):
    """Asks the fake, and only once: a test of what becomes of a failure need not wait for three more."""

    def __init__(self, api: FakeApi, user_agent: str = AGENT) -> None:
        self._fake = api
        self._agent = user_agent

    async def close(self) -> None:
        """Nothing is open."""

    async def json(self, request: Request, *, attempts: int = 1) -> dict[str, Any]:  # noqa: ARG002 - asks once
        call = self._call(request)
        try:
            return await self._fake.answer(call)
        except RefusedError as refused:
            raise _error(refused) from None
        except UnreachableError as error:
            raise ApiError(0, "Unavailable", f"the API server can't be reached: {error}") from None

    async def page(self, request: Request, limit: int) -> tuple[dict[str, Any], int]:
        found = await self.json(request)
        size = len(json.dumps(found))
        if size > limit:
            raise AnswerTooLargeError
        return found, size

    async def stream(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        call = self._call(request)
        try:
            async for event in self._fake.stream(call):
                yield event
        except RefusedError as refused:
            raise _error(refused) from None
        except (CutError, UnreachableError) as error:
            raise ApiError(0, "Unavailable", f"the watch of {request.path} was cut: {type(error).__name__}") from None

    def _call(self, request: Request) -> Call:
        """As it arrives: JSON, and nothing shared with who sent it."""
        body = None if request.body is None else json.loads(json.dumps(request.body))
        query, types = dict(request.query), (request.accept, request.content_type)
        return Call(request.method, request.path, query, body, *types, request.user, self._agent)


def connect(api: FakeApi) -> KubeClient:
    """The operator's client on the fake."""
    connection = FakeConnection(api)
    return KubeClient(connection, Discovery(connection), api.kinds.server_version)


def _error(refused: RefusedError) -> ApiError:
    body = refused.body if isinstance(refused.body, str) else json.dumps(refused.body)
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    return from_answer(refused.status, refused.phrase, headers, body.encode())
