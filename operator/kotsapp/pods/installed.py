"""Whether the admission policy is there, and holds in a namespace."""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods.policy import API_VERSIONS, BINDING_KIND, LABEL_VALUE, NAME, POLICY_KIND

# Seconds for which an answer about the policy serves all apps.
KEPT = 30.0


class Obstacle(Enum):
    """Why the policy routes nothing in a namespace."""

    UNSUPPORTED = auto()
    """The API server serves no such policies."""
    MISSING = auto()
    """The policy or its binding is not there, or may not be looked at: its role comes with it."""
    NOT_LABELLED = auto()
    """No administrator has allowed it for the namespace."""


@dataclass(slots=True)
class _Kept:
    obstacle: Obstacle | None
    until: float


class PolicyLook:
    """Looks whether the policy holds; what is the same for all namespaces is asked for once in a while."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._kept: _Kept | None = None
        self._busy = asyncio.Lock()

    async def obstacle(self, namespace: str) -> Obstacle | None:
        """What keeps it from this namespace's pods, None when nothing does. Raises ApiError."""
        return await self._anywhere() or (None if await self._is_labelled(namespace) else Obstacle.NOT_LABELLED)

    async def _anywhere(self) -> Obstacle | None:
        clock = asyncio.get_running_loop().time
        async with self._busy:
            if self._kept is None or self._kept.until <= clock():
                self._kept = _Kept(await self._look(), clock() + KEPT)
            return self._kept.obstacle

    async def _look(self) -> Obstacle | None:
        for api_version in API_VERSIONS:
            try:
                kinds = [await self._client.resource_type(api_version, kind) for kind in (POLICY_KIND, BINDING_KIND)]
            except UnknownKindError:
                continue
            there = [await self._is_there(kind) for kind in kinds]
            return None if all(there) else Obstacle.MISSING
        return Obstacle.UNSUPPORTED

    async def _is_there(self, kind: ResourceType) -> bool:
        try:
            return await self._client.get(kind, NAME, metadata_only=True) is not None
        except ApiError as error:
            if error.status == 403:
                return False
            raise

    async def _is_labelled(self, namespace: str) -> bool:
        kind = await self._client.resource_type("v1", "Namespace")
        found = await self._client.get(kind, namespace, metadata_only=True)
        labels = ((found or {}).get("metadata") or {}).get("labels") or {}
        return bool(labels.get(ROUTED_LABEL) == LABEL_VALUE)
