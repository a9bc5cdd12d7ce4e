"""One pod on the node: from its images to its status, and again when either changes."""

from __future__ import annotations

import asyncio
import datetime
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from localworld import reference
from localworld.node import keyring, podstatus
from localworld.node.api import MERGE_PATCH, RequestError
from localworld.node.podstatus import Run, Waiting
from localworld.node.pull import Pulled, PullError

if TYPE_CHECKING:
    from localworld.node.api import NodeApi, Object
    from localworld.node.podstatus import Images
    from localworld.node.pull import Puller
    from localworld.node.secrets import Secrets

_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 10.0)
# Long enough that a watcher sees ErrImagePull before ImagePullBackOff, as with a kubelet.
_ERROR_SHOWN_SECONDS = 0.3
# Long enough to be seen as ready, as a program that fails over its first work is.
_RUN_SECONDS = 1.5
_TIMES = frozenset({"startedAt", "finishedAt", "lastTransitionTime", "startTime"})
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What all pods of a node share: its API server, of whose ``writes`` there are few at once, the pull secrets, and
    who pulls, None where nothing is pulled."""

    api: NodeApi
    writes: asyncio.Semaphore
    secrets: Secrets
    puller: Puller | None


class Pod:
    """One pod on this node: pulls until every image is there, then says that it runs."""

    def __init__(self, runtime: Runtime, pod: Object, address: str) -> None:
        self.object = pod
        self._runtime = runtime
        self._address = address
        self._changed = asyncio.Event()
        self._written: Object | None = None
        self._run: Run | None = None
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
            wait = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)] if failed else self._until_next_turn()
            failures = failures + 1 if failed else 0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)

    def _until_next_turn(self) -> float | None:
        """Seconds that a container that crashes still runs, or is backed off from its next start."""
        if self._run is None:
            return None
        if self._run.started is None:
            return _BACKOFF_SECONDS[min(self._run.restarts, len(_BACKOFF_SECONDS) - 1)]
        return _RUN_SECONDS if self._run.restarts < podstatus.crashes(self.object) else None

    def _turn(self, images: Images, now: str) -> Run | None:
        """Where the containers stand by now, if they are to crash: up, down, up again."""
        before = self._run
        if not podstatus.crashes(self.object) or not podstatus.is_complete(self.object, images):
            return before
        if before is None:
            return Run(0, now)
        if before.started is None:
            return Run(before.restarts + 1, now, before.last_started, before.ended)
        if before.restarts < podstatus.crashes(self.object):
            return Run(before.restarts, None, before.started, now)
        return before

    async def _pull_all(self) -> Images:
        """Pull in the order of start; behind an init container that can't start, nothing is pulled."""
        entries = await self._runtime.secrets.entries(self.object) if self._runtime.puller else []
        init = {container["name"] for container in self.object["spec"].get("initContainers") or []}
        policies = {c["name"]: c.get("imagePullPolicy") for c in self.object["spec"]["containers"]}
        images: Images = {}
        for name, image in podstatus.images_of(self.object):
            images[name] = found = await self._pull(image, entries, policies.get(name))
            if isinstance(found, Waiting) and (name in init or name.startswith("volume/")):
                break
        return images

    async def _pull(self, image: str, entries: list[keyring.Entry], policy: str | None) -> Pulled | Waiting:
        if self._runtime.puller is None:
            return Pulled("", f"unpulled/{image}")
        if policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            return Waiting("ErrImageNeverPull", message)
        try:
            parsed = reference.parse(image)
        except reference.InvalidReferenceError as error:
            return Waiting("InvalidImageName", f'Failed to apply default image tag "{image}": {error}')
        try:
            return await self._runtime.puller.pull(parsed, keyring.matching(entries, parsed))
        except PullError as error:
            return Waiting("ErrImagePull", f'failed to pull image "{image}": {error}')

    async def _write(self, images: Images) -> None:
        """Write the status if it says something new."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._run = self._turn(images, now)
        status = podstatus.status(self.object, images, now, self._address, self._run)
        if self._written is not None and _timeless(status) == _timeless(self._written):
            return
        # The uid makes sure that the status is never that of another pod with the same name.
        body = {"metadata": {"uid": self.object["metadata"]["uid"]}, "status": status}
        async with self._runtime.writes:
            await self._runtime.api.request("PATCH", f"{self._path()}/status", body, content_type=MERGE_PATCH)
        self._written = status

    def _path(self) -> str:
        metadata = self.object["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _backing_off(found: Pulled | Waiting) -> Pulled | Waiting:
    if isinstance(found, Waiting) and found.reason == "ErrImagePull":
        image = found.message.split('"')[1]
        return Waiting("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {found.message}')
    return found


def _timeless(value: Any) -> Any:
    """The value without its times, to see whether anything else differs."""
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in _TIMES}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return value
