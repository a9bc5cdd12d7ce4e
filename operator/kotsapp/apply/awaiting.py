"""Waiting for what somebody else does in the cluster."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey

POLL = 0.1

Waiting = Callable[[], AbstractAsyncContextManager[None]]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, what: str, waiting: Waiting) -> None:
    """Wait for the condition, inside of ``waiting``; raises ApiError (status 0) with ``what`` after so many seconds."""
    try:
        async with waiting(), asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - what is awaited is in the cluster
                await asyncio.sleep(POLL)
    except TimeoutError:
        raise ApiError(0, "Timeout", f"{what}, and the API server is not done with it after {seconds:g} s") from None


async def is_gone(kind: ResourceType, key: ObjectKey, uid: str, client: KubeClient) -> bool:
    """Whether the object with this uid is not there any more."""
    live = await client.get(kind, key.name, key.namespace)
    return live is None or live["metadata"]["uid"] != uid
