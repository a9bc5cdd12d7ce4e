"""Kopf's way to the API server: the one that our own client takes; and how a 401 to it is taken.

Kopf takes credentials that were refused once for used up, and an operator that has no others ends. But an API server
also answers 401 while it is starting or can't reach etcd, to a token that is as good as before.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import kopf
from aiohttp import ClientMiddlewareType

from kotsapp.backoff import Backoff
from kotsapp.kube.connection import Connection

logger = logging.getLogger(__name__)

RETRY = Backoff(first=0.5, longest=30.0)
# Some two minutes of refusals, one after the other: then the process ends, and its restart begins from nothing.
MAX_REFUSALS = 10
# Credentials that served for so long are not what was refused before.
SERVED_SECONDS = 300.0


class Login:
    """Sessions of the connection, with its address, trust, proxy and credentials as they are when a request is made.

    Kopf asks for one first as it starts, and then after each refusal; those are answered after a pause that grows.
    """

    def __init__(
        self,
        connection: Connection,
        *middlewares: ClientMiddlewareType,
        clock: Callable[[], float] = time.monotonic,
        retry: Backoff = RETRY,
    ) -> None:
        self._connection = connection
        self._middlewares = middlewares
        self._clock = clock
        self._retry = retry
        self._logins = 0
        self._refusals = 0
        self._last = 0.0

    async def credentials(self, **_: Any) -> kopf.AiohttpSession | None:
        """None, which ends Kopf, where the credentials were refused too often."""
        if self._logins:
            self._refusals = self._refusals + 1 if self._clock() - self._last < SERVED_SECONDS else 1
            if self._refusals > MAX_REFUSALS:
                logger.error("the API server has answered 401 %d times in a row to these credentials", MAX_REFUSALS)
                return None
            pause = self._retry.after(self._refusals)
            logger.warning("the API server answered 401 to a watch; trying again in %.1f s", pause)
            await asyncio.sleep(pause)
        self._logins += 1
        self._last = self._clock()
        # A new session each time: Kopf closes one that was refused, and takes no two that are alike.
        session = self._connection.session(*self._middlewares)
        return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)
