"""The fake API behind the operator's own client: everything above the socket is the real thing."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from harness.fakekube.answers import RefusedError
from harness.fakekube.api import FakeApi, UnreachableError
from harness.fakekube.requests import Call
from harness.fakekube.streams import CutError
from kotsapp.kube.client import KubeClient
from kotsapp.kube.connection import Connection
from kotsapp.kube.discovery import Discovery
from kotsapp.kube.errors import ApiError, from_answer

AGENT = "kotsapp-operator"


class FakeConnection(Connection):
    """Asks the fake, and only once: a test of what becomes of a failure need not wait for three more."""

    def __init__(self, api: FakeApi, user_agent: str = AGENT) -> None:
        self._fake = api
        self._agent = user_agent

    async def close(self) -> None:
        """Nothing is open."""

    async def json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Sequence[tuple[str, str]] = (),
        accept: str = "application/json",
        content_type: str = "application/json",
        user: str | None = None,
        attempts: int = 1,  # noqa: ARG002 - nothing is asked again
    ) -> dict[str, Any]:
        call = Call(method, path, dict(query), _sent(body), accept, content_type, user, self._agent)
        try:
            return await self._fake.answer(call)
        except RefusedError as refused:
            raise _error(refused) from None
        except UnreachableError as error:
            raise ApiError(0, "Unavailable", f"the API server can't be reached: {error}") from None

    async def stream(
        self, path: str, query: Sequence[tuple[str, str]], accept: str, user: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        call = Call("GET", path, dict(query), None, accept, "application/json", user, self._agent)
        try:
            async for event in self._fake.stream(call):
                yield event
        except RefusedError as refused:
            raise _error(refused) from None
        except (CutError, UnreachableError) as error:
            raise ApiError(0, "Unavailable", f"the watch of {path} was cut: {type(error).__name__}") from None


def connect(api: FakeApi) -> KubeClient:
    """The operator's client on the fake."""
    connection = FakeConnection(api)
    return KubeClient(connection, Discovery(connection), api.kinds.server_version)


def _sent(body: Any) -> Any:
    """As it arrives: JSON, and nothing shared with who sent it."""
    return None if body is None else json.loads(json.dumps(body))


def _error(refused: RefusedError) -> ApiError:
    body = refused.body if isinstance(refused.body, str) else json.dumps(refused.body)
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    return from_answer(refused.status, refused.phrase, headers, body.encode())
