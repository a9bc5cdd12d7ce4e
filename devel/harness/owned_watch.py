"""OwnedObjects watching one kind of a fake cluster, and whom they told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from harness.cluster import APP, Woken, fake_cluster, owned_by, watched_objects
from harness.fakekube import FakeApi, Match, connect
from harness.virtual_time import quiet, until
from kotsapp.apply.cache import OwnedObjects
from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import Owner, key_of

LISTS, WATCHES = Match("list", "ConfigMap"), Match("watch", "ConfigMap")
Object = dict[str, Any]


@dataclass(slots=True)
class Watching:
    api: FakeApi
    client: KubeClient
    cache: OwnedObjects
    woken: Woken

    async def follow(self, made: Object, owner: Owner = APP) -> bool:
        kind = await self.client.resource_type(made["apiVersion"], made["kind"])
        return await self.cache.follow(kind, None, self.client, owner)

    def relists(self) -> int:
        return self.api.requests().count("list ConfigMap")

    def knows(self, made: Object) -> bool:
        return self.cache.get(key_of(made)) is not None

    async def caught_up(self) -> None:
        """What has happened until now has been seen."""
        await quiet(30)


@asynccontextmanager
async def watching(*there: Object) -> AsyncIterator[Watching]:
    """These objects are there, applied by us for ``APP``; the first one's kind is watched."""
    api = fake_cluster()
    client = connect(api)
    for made in there:
        await client.apply(owned_by(APP, made))
    cache, woken = watched_objects()
    seen = Watching(api, client, cache, woken)
    try:
        if there:
            assert await seen.follow(there[0])
            await until(api.watches)
        api.audit.clear()
        woken.take()
        yield seen
    finally:
        await cache.close()
