"""The node stand-in: does for each pod what a kubelet would do about its images, and runs nothing.

`python -m localworld.node CONFIG`. It registers a Node, binds pods that have none (there is no scheduler),
pulls their images with the pod's own pull secrets, and writes the status that follows from it.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import json
import logging
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from localworld import keyring, podstatus, reference
from localworld.node_api import NodeApi, Object, RequestError
from localworld.podstatus import Images, Waiting
from localworld.pull import Pulled, Puller, PullError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PODS = "/api/v1/pods"
_MERGE_PATCH = "application/merge-patch+json"
_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 10.0)
# Long enough that a watcher sees ErrImagePull before ImagePullBackOff, as with a kubelet.
_ERROR_SHOWN_SECONDS = 0.3
_SECRET_SECONDS = 1.0
# The API server learns with a delay that a pod, and so its secrets, are this node's.
_FORBIDDEN_TRIES, _FORBIDDEN_SECONDS = 10, 0.2
_WRITES_AT_ONCE = 16
_HEARTBEAT_SECONDS = 60.0
# A list after a broken watch takes up what is still undone after these.
_INSIST_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
_RETRY_SECONDS = 0.5
log = logging.getLogger("localworld.node")


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


class Pod:
    """One pod on this node: pulls until every image is there, then says that it runs."""

    def __init__(self, node: Node, pod: Object, address: str) -> None:
        self.object = pod
        self._node = node
        self._address = address
        self._changed = asyncio.Event()
        self._written: Object | None = None
        self.task = asyncio.create_task(self._live())

    def update(self, pod: Object) -> None:
        """Take the pod as it is now; its task sees whether anything is to be done."""
        before, self.object = podstatus.images_of(self.object), pod
        if before != podstatus.images_of(pod) or pod["spec"].get("readinessGates"):
            self._changed.set()

    async def _live(self) -> None:
        failures = 0
        while True:
            self._changed.clear()
            try:
                images = await self._pull_all()
                failed = any(isinstance(found, Waiting) for found in images.values())
                await self._write(images)
                if failed:
                    await asyncio.sleep(_ERROR_SHOWN_SECONDS)
                    await self._write({name: _backing_off(found) for name, found in images.items()})
            except RequestError as error:
                if error.status in (404, 409):
                    return
                log.warning("%s: %s", self._path(), error)
                failed = True
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("%s: %s", self._path(), error)
                failed = True
            wait = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)] if failed else None
            failures = failures + 1 if failed else 0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)

    async def _pull_all(self) -> Images:
        """Pull in the order of start; behind an init container that can't start, nothing is pulled."""
        entries = await self._node.secrets.entries(self.object) if self._node.puller else []
        init = {container["name"] for container in self.object["spec"].get("initContainers") or []}
        policies = {c["name"]: c.get("imagePullPolicy") for c in self.object["spec"]["containers"]}
        images: Images = {}
        for name, image in podstatus.images_of(self.object):
            images[name] = found = await self._pull(image, entries, policies.get(name))
            if isinstance(found, Waiting) and (name in init or name.startswith("volume/")):
                break
        return images

    async def _pull(self, image: str, entries: list[keyring.Entry], policy: str | None) -> Pulled | Waiting:
        if self._node.puller is None:
            return Pulled("", f"unpulled/{image}")
        if policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            return Waiting("ErrImageNeverPull", message)
        try:
            parsed = reference.parse(image)
        except reference.InvalidReferenceError as error:
            return Waiting("InvalidImageName", f'Failed to apply default image tag "{image}": {error}')
        try:
            return await self._node.puller.pull(parsed, keyring.matching(entries, parsed))
        except PullError as error:
            return Waiting("ErrImagePull", f'failed to pull image "{image}": {error}')

    async def _write(self, images: Images) -> None:
        """Write the status if it says something new."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = podstatus.status(self.object, images, now, self._address)
        if self._written is not None and _timeless(status) == _timeless(self._written):
            return
        # The uid makes sure that the status is never that of another pod with the same name.
        body = {"metadata": {"uid": self.object["metadata"]["uid"]}, "status": status}
        async with self._node.writes:
            await self._node.api.request("PATCH", f"{self._path()}/status", body, content_type=_MERGE_PATCH)
        self._written = status

    def _path(self) -> str:
        metadata = self.object["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


class Node:
    """The node: its object, its pods, and the binding of pods to it."""

    def __init__(self, config: Object) -> None:
        self.name: str = config["name"]
        self.api = NodeApi(config["server"], config["ca"], **config["node"])
        self._scheduler = NodeApi(config["server"], config["ca"], **config["scheduler"])
        self.puller = Puller(config["skopeo"], Path(config["registries"])) if config["pulls"] else None
        self.secrets = Secrets(self.api)
        self.writes = asyncio.Semaphore(_WRITES_AT_ONCE)
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
                await self.api.request("POST", "/api/v1/nodes", body)
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
                await self.api.request(
                    "PATCH", f"/api/v1/nodes/{self.name}/status", {"status": status}, content_type=_MERGE_PATCH
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
        async with self.writes:
            await self._scheduler.request("POST", path, body)

    async def _follow_pods(self) -> None:
        seen: set[str] = set()
        async for event in self.api.changes(_PODS, f"spec.nodeName={self.name}"):
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
            self._pods[uid] = Pod(self, pod, f"10.{(high >> 8) & 255}.{high & 255}.{low + 1}")

    def _forget(self, uid: str) -> None:
        if pod := self._pods.pop(uid, None):
            pod.task.cancel()

    async def _finish(self, pod: Object) -> None:
        """Let a deleted pod go at once: there are no containers to end."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        async with self.writes:
            if metadata.get("finalizers") and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                # Whoever holds it (the Job controller) waits for an end that counts.
                failed = {"metadata": {"uid": metadata["uid"]}, "status": {"phase": "Failed"}}
                await self.api.request("PATCH", f"{path}/status", failed, content_type=_MERGE_PATCH)
            await self.api.request("DELETE", path, body)

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


def _backing_off(found: Pulled | Waiting) -> Pulled | Waiting:
    if isinstance(found, Waiting) and found.reason == "ErrImagePull":
        image = found.message.split('"')[1]
        return Waiting("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {found.message}')
    return found


def _timeless(value: Any) -> Any:
    """The value without its times, to see whether anything else differs."""
    if isinstance(value, dict):
        return {
            k: _timeless(v)
            for k, v in value.items()
            if k not in ("startedAt", "finishedAt", "lastTransitionTime", "startTime")
        }
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return value


async def _main(config: Object) -> None:
    await Node(config).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text())))
