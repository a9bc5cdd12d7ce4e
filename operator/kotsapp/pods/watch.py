"""The watch of the pods of a namespace, for the apps there that route them; of each pod only what is needed is kept."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import Owner
from kotsapp.kube.reflector import Reflector
from kotsapp.pods.seen import SeenPod, seen

logger = logging.getLogger(__name__)

# A page of whole pods, of which a few hundred bytes are kept each: megabytes that are there for a moment.
CHUNK = 100
# What one namespace can hold by far; of what is beyond, nothing is learned.
MAX_PODS = 10_000
# Seconds for which an app waits for a first answer; what else there is to do for it does not depend on its pods.
PATIENCE = 10.0
# What was allowed until now is given a little time before its refusal is reported.
FORBIDDEN_TRIES = 1


@dataclass(frozen=True, slots=True)
class Interest:
    """What an app has looked at: images that it knows, and pods that wait for one, by uid. Anything else is news."""

    images: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()

    def is_news(self, pod: SeenPod) -> bool:
        """Whether there is something to do about a pod."""
        if pod.over:
            return False
        return not self.images.issuperset(pod.images) or (bool(pod.unpulled) and pod.uid not in self.waiting)


class PodWatch(Reflector):
    """Pods of one namespace as one identity sees them: ``pods`` by uid, once ``synced``."""

    def __init__(self, namespace: str, client: KubeClient, wake: Callable[[Owner], None]) -> None:
        super().__init__(f"pods in {namespace}")
        self.pods: dict[str, SeenPod] = {}
        self.followers: dict[Owner, Interest] = {}
        self.synced = asyncio.Event()
        self.is_forbidden = False
        self._namespace = namespace
        self._client = client
        self._wake = wake
        self.start()

    @property
    def is_complete(self) -> bool:
        """Whether ``pods`` are all that there are."""
        return self.synced.is_set() and not self.is_forbidden

    def cancel(self) -> asyncio.Task[None]:
        """End it, and whoever waits for its start; the task is there to be awaited."""
        self.synced.set()
        return super().cancel()

    async def list(self) -> str:
        """All pods, a page at a time; what changes meanwhile is seen by the watch, which begins before them."""
        kind = await self._kind()
        version = await self._client.version_of(kind, self._namespace)
        found: dict[str, SeenPod] = {}
        async for page in self._client.pages(kind, self._namespace, chunk=CHUNK):
            found.update((pod.uid, pod) for pod in map(seen, page.items))
            if len(found) > MAX_PODS:
                logger.warning("%s: more than %d, the others are not looked at", self.name, MAX_PODS)
                break
        self.pods = found
        self.is_forbidden = False
        self.synced.set()
        for pod in found.values():
            self._wake_for(pod)
        return version

    async def watch(self, version: str) -> AsyncIterator[dict[str, Any]]:
        async for event in self._client.watch(await self._kind(), self._namespace, version):
            yield event

    def observe(self, event: Mapping[str, Any]) -> None:
        pod = seen(event["object"])
        if event["type"] == "DELETED":
            self.pods.pop(pod.uid, None)
        elif pod.uid in self.pods or len(self.pods) < MAX_PODS:
            self.pods[pod.uid] = pod
            self._wake_for(pod)

    def forbidden(self, error: ApiError, failures: int) -> None:
        if not self.is_forbidden and (failures > FORBIDDEN_TRIES or not self.synced.is_set()):
            self.is_forbidden = True
            self.pods = {}
            self.synced.set()
            logger.warning("may not watch %s: %s", self.name, error)

    def _wake_for(self, pod: SeenPod) -> None:
        for owner, interest in self.followers.items():
            if interest.is_news(pod):
                self._wake(owner)

    async def _kind(self) -> ResourceType:
        return await self._client.resource_type("v1", "Pod")


class PodWatches:
    """A watch for each namespace and identity that somebody follows; ``wake`` is called for who has something to do."""

    def __init__(self, wake: Callable[[Owner], None]) -> None:
        self._wake = wake
        self._watches: dict[tuple[str, str | None], PodWatch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    async def follow(self, owner: Owner, client: KubeClient) -> PodWatch:
        """The watch of the owner's namespace as ``client`` sees it.

        Returns when the pods there are known, or may not be looked at; where the API server gives no answer for a
        while, without them: what comes later wakes the owner.
        """
        key = (owner.namespace, client.user)
        if key not in self._watches:
            self._watches[key] = PodWatch(owner.namespace, client, self._wake)
        watch = self._watches[key]
        watch.followers.setdefault(owner, Interest())
        watch.shared.join()
        self._leave(owner, but=key)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await watch.synced.wait()
        return watch

    def unfollow(self, owner: Owner) -> None:
        """The owner does not care any more; a watch that nobody follows ends."""
        self._leave(owner)

    async def close(self) -> None:
        """End all watches."""
        tasks = [watch.cancel() for watch in self._watches.values()]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, owner: Owner, but: tuple[str, str | None] | None = None) -> None:
        for key, watch in list(self._watches.items()):
            if key != but and watch.followers.pop(owner, None) is not None and not watch.followers:
                del self._watches[key]
                watch.cancel()
