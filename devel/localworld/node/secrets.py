"""The pull secrets of pods, as the node reads them: by name, never a list."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp

from localworld.node import keyring
from localworld.node.api import RequestError

if TYPE_CHECKING:
    from localworld.node.api import NodeApi, Object

_SECRET_SECONDS = 1.0
# The API server learns with a delay that a pod, and so its secrets, are this node's.
_FORBIDDEN_TRIES, _FORBIDDEN_SECONDS = 10, 0.2


class Secrets:
    """Pull secrets, read anew after a second; pods of one namespace share a reading."""

    def __init__(self, api: NodeApi) -> None:
        self._api = api
        self._read: dict[tuple[str, str], tuple[float, asyncio.Task[list[keyring.Entry]]]] = {}

    async def entries(self, pod: Object) -> list[keyring.Entry]:
        """The entries of all secrets that the pod names; one that is missing has none."""
        names = [item["name"] for item in pod["spec"].get("imagePullSecrets") or [] if item.get("name")]
        namespace = pod["metadata"]["namespace"]
        return [entry for name in names for entry in await self._entries(namespace, name)]

    async def _entries(self, namespace: str, name: str) -> list[keyring.Entry]:
        key = (namespace, name)
        now = time.monotonic()
        if key not in self._read or self._read[key][0] < now:
            self._read[key] = (now + _SECRET_SECONDS, asyncio.create_task(self._fetch(namespace, name)))
        return await asyncio.shield(self._read[key][1])

    async def _fetch(self, namespace: str, name: str) -> list[keyring.Entry]:
        for _ in range(_FORBIDDEN_TRIES):
            try:
                found = await self._api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
                return keyring.entries(found)
            except RequestError as error:
                if error.status != 403:
                    return []
            except (aiohttp.ClientError, TimeoutError, OSError):
                return []
            await asyncio.sleep(_FORBIDDEN_SECONDS)
        return []
