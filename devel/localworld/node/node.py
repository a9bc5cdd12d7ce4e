"""The node itself: its Node object, the binding of pods to it, and the pods it has."""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from localworld.node.api import MERGE_PATCH, NodeApi, RequestError
from localworld.node.pod import Pod, Runtime
from localworld.node.pull import Puller
from localworld.node.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from localworld.node.api import Object

_PODS = "/api/v1/pods"
_WRITES_AT_ONCE = 16
_HEARTBEAT_SECONDS = 60.0
# A list after a broken watch takes up what is still undone after these.
_INSIST_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
_RETRY_SECONDS = 0.5
log = logging.getLogger(__name__)


class Node:
    """The node: its object, its pods, and the binding of pods to it."""

    def __init__(self, config: Object) -> None:
        self.name: str = config["name"]
        self._api = NodeApi(config["server"], config["ca"], **config["node"])
        self._scheduler = NodeApi(config["server"], config["ca"], **config["scheduler"])
        self._writes = asyncio.Semaphore(_WRITES_AT_ONCE)
        puller = Puller(config["skopeo"], Path(config["registries"])) if config["pulls"] else None
        self._runtime = Runtime(self._api, self._writes, Secrets(self._api), puller)
        self._pods: dict[str, Pod] = {}
        self._addresses = 0
        self._errands: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until the process is ended."""
        await self._register()
        await asyncio.gather(self._heartbeat(), self._bind_pods(), self._follow_pods())

    async def _register(self) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name,
                "labels": {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux"},
            },
        }
        while True:
            try:
                await self._api.request("POST", "/api/v1/nodes", body)
            except RequestError as error:
                if error.status != 409:
                    log.warning("registering the node: %s", error)
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
            except (aiohttp.ClientError, OSError) as error:
                log.warning("registering the node: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            return

    async def _heartbeat(self) -> None:
        while True:
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            ready = {"type": "Ready", "status": "True", "reason": "LocalWorld", "lastHeartbeatTime": now}
            room = {"cpu": "1000", "memory": "4Ti", "pods": "20000", "ephemeral-storage": "4Ti"}
            status = {
                "conditions": [{**ready, "lastTransitionTime": now}],
                "addresses": [
                    {"type": "InternalIP", "address": "127.0.0.1"},
                    {"type": "Hostname", "address": self.name},
                ],
                "capacity": room,
                "allocatable": room,
            }
            wait = _HEARTBEAT_SECONDS
            try:
                await self._api.request(
                    "PATCH", f"/api/v1/nodes/{self.name}/status", {"status": status}, content_type=MERGE_PATCH
                )
            except (RequestError, aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("node status: %s", error)
                wait = _RETRY_SECONDS
            await asyncio.sleep(wait)

    async def _bind_pods(self) -> None:
        async for event in self._scheduler.changes(_PODS, "spec.nodeName="):
            if event.kind in ("ADDED", "MODIFIED") and _can_be_bound(event.object):
                self._run(functools.partial(self._bind, event.object["metadata"]))

    async def _bind(self, metadata: Object) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.name},
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
        async with self._writes:
            await self._scheduler.request("POST", path, body)

    async def _follow_pods(self) -> None:
        seen: set[str] = set()
        async for event in self._api.changes(_PODS, f"spec.nodeName={self.name}"):
            if event.kind == "LIST":
                seen = set()
                continue
            if event.kind == "SYNC":
                for uid in self._pods.keys() - seen:
                    self._forget(uid)
                continue
            uid = event.object["metadata"]["uid"]
            seen.add(uid)
            if event.kind == "DELETED":
                self._forget(uid)
            else:
                self._take(uid, event.object)

    def _take(self, uid: str, pod: Object) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            self._forget(uid)
            self._run(functools.partial(self._finish, pod))
        elif pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            self._forget(uid)
        elif uid in self._pods:
            self._pods[uid].update(pod)
        else:
            self._addresses += 1
            high, low = divmod(self._addresses, 250)
            self._pods[uid] = Pod(self._runtime, pod, f"10.{(high >> 8) & 255}.{high & 255}.{low + 1}")

    def _forget(self, uid: str) -> None:
        if pod := self._pods.pop(uid, None):
            pod.task.cancel()

    async def _finish(self, pod: Object) -> None:
        """Let a deleted pod go at once: there are no containers to end."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        async with self._writes:
            if metadata.get("finalizers") and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                # Whoever holds it (the Job controller) waits for an end that counts.
                failed = {"metadata": {"uid": metadata["uid"]}, "status": {"phase": "Failed"}}
                await self._api.request("PATCH", f"{path}/status", failed, content_type=MERGE_PATCH)
            await self._api.request("DELETE", path, body)

    def _run(self, errand: Callable[[], Awaitable[None]]) -> None:
        """Run a short write on its own."""
        task = asyncio.create_task(_insist(errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def _insist(errand: Callable[[], Awaitable[None]]) -> None:
    """Do it, over failures of the API server; that the object is gone or done with already is as good."""
    for wait in _INSIST_SECONDS:
        try:
            return await errand()
        except RequestError as error:
            if error.status in (404, 409):
                return None
            log.warning("%s", error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("%s", error)
        await asyncio.sleep(wait)
    return None


def _can_be_bound(pod: Object) -> bool:
    return not pod["metadata"].get("deletionTimestamp") and not pod["spec"].get("schedulingGates")
