"""Kopf's credentials, and how a 401 to them is taken.

Kopf takes credentials that were refused once for used up, and an operator that has no others ends. But an API server
also answers 401 while it is starting or can't reach etcd, to a token that is as good as before.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from kotsapp.kube.connection import environment_proxy

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
MAX_PAUSE = 30.0
# Some two minutes of refusals, one after the other: then the process ends, and its restart begins from nothing.
MAX_REFUSALS = 10
# Credentials that served for so long are not what was refused before.
SERVED_SECONDS = 300.0

_FAR = datetime(9000, 1, 1, tzinfo=UTC)


class Login:
    """The credentials of the in-cluster account, else of the kubeconfig, read anew whenever Kopf asks for them.

    Kopf asks first as it starts, and then after each refusal; those are answered after a pause that grows.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logins = 0
        self._refusals = 0
        self._last = 0.0

    async def credentials(self, **kwargs: Any) -> kopf.ConnectionInfo | None:
        """None, which ends Kopf, where there are no credentials or they were refused too often."""
        if self._logins:
            self._refusals = self._refusals + 1 if self._clock() - self._last < SERVED_SECONDS else 1
            if self._refusals > MAX_REFUSALS:
                logger.error("the API server has answered 401 %d times in a row to these credentials", MAX_REFUSALS)
                return None
            pause = min(FIRST_PAUSE * 2.0 ** (self._refusals - 1), MAX_PAUSE)
            logger.warning("the API server answered 401 to a watch; trying again in %.1f s", pause)
            await asyncio.sleep(pause)
        info = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        self._logins += 1
        self._last = self._clock()
        if info is None:
            return None
        # No two are alike, so Kopf takes none for one that was refused.
        unlike = info.expiration or _FAR + timedelta(seconds=self._logins)
        return replace(info, proxy_url=info.proxy_url or environment_proxy(info.server), expiration=unlike)
