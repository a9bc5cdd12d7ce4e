"""The one writer of a KotsApp's status."""

import asyncio
from collections.abc import Mapping
from typing import Any

from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.names import API_VERSION, KIND
from kotsapp.reconcile.app import App
from kotsapp.reconcile.storable_status import bounded, is_too_large, masked, too_large
from kotsapp.redact import Redactor
from kotsapp.text import rfc3339

# Images and workloads whose texts are masked at once; a megabyte of them takes half a second, and so a thread.
FEW = 50


class StatusWriter:
    """Keeps ``status`` as it was last written or read, and writes it whole, but for what ``redactor`` masks."""

    def __init__(self, status: Mapping[str, Any], redactor: Redactor) -> None:
        self.status: Mapping[str, Any] = status
        self._redactor = redactor
        # False after a write whose answer was lost: it may have been done or not.
        self.certain = True
        # Held by whoever makes a new status from this one and writes it.
        self.lock = asyncio.Lock()

    async def write(self, app: App, status: Mapping[str, Any], client: KubeClient) -> None:
        """One patch of the whole status, and none when it is the same. Raises ApiError."""
        # Bounded first, since what is masked is never longer.
        status = bounded(status)
        if len(status.get("images") or ()) + len(status.get("workloads") or ()) <= FEW:
            status = masked(status, self._redactor)
        else:
            status = await asyncio.to_thread(masked, status, self._redactor)
        if status == self.status and self.certain:
            return
        try:
            await _patch(app, status, client)
        except ApiError as error:
            if is_too_large(error):
                small = too_large(self.status, status, app.generation, rfc3339())
                await _patch(app, small, client)
                self.status, self.certain = small, True
                raise
            if error.not_found or (error.status == 422 and not await self.read_back(app, client)):
                return  # deleted meanwhile, or another resource of the same name by now
            self.certain = self.certain and not error.transient
            raise
        self.status, self.certain = status, True

    async def read_back(self, app: App, client: KubeClient) -> bool:
        """Take the status as the API server has it; False when the resource is gone."""
        live = await live_app(app, client)
        if live is None:
            return False
        self.status, self.certain = dict(live.get("status") or {}), True
        return True


async def _patch(app: App, status: Mapping[str, Any], client: KubeClient) -> None:
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": app.uid},
        {"op": "add", "path": "/status", "value": status},
    ]
    await client.patch_status(await client.resource_type(API_VERSION, KIND), app.name, app.namespace, patch)


async def live_app(app: App, client: KubeClient) -> dict[str, Any] | None:
    """The resource as the API server has it; None when it is gone, or another one has its name. Raises ApiError."""
    kind = await client.resource_type(API_VERSION, KIND)
    live = await client.get(kind, app.name, app.namespace)
    return live if live is not None and live["metadata"]["uid"] == app.uid else None
