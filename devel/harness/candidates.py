"""Candidates for one Lease, on a cluster in process whose links to them can fail."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from harness.virtual_time import until
from kotsapp.election import Elector
from kotsapp.kube.errors import ApiError
from kotsapp.kube.fence import Fence
from kotsapp.lease import TRY_SECONDS, Object, Seen

# Two requests, a hundredth of a second each way.
SOON = 0.3
OLD = {
    "holderIdentity": "a",
    "leaseDurationSeconds": 15,
    "acquireTime": "2026-11-26T11:00:00.000000Z",
    "renewTime": "2026-11-26T11:59:58.000000Z",
    "leaseTransitions": 3,
}


@dataclass
class Cluster:
    """The Lease, and what a request of each candidate meets."""

    lease: Object | None = None
    version: int = 0
    puts: list[tuple[str, str]] = field(default_factory=list)
    stored_at: float = 0.0
    watching: list[asyncio.Queue[Object]] = field(default_factory=list)

    def store(self, lease: Object) -> Object:
        given = lease.get("metadata", {}).get("resourceVersion")
        live = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if given != live:
            raise ApiError(409, "Conflict", "the object has been modified")
        self.version += 1
        self.lease = {"metadata": {"resourceVersion": str(self.version)}, "spec": dict(lease["spec"])}
        self.stored_at = now()
        self.tell("MODIFIED" if live else "ADDED", self.lease)
        return copy.deepcopy(self.lease)

    def delete(self) -> None:
        gone, self.lease = self.lease, None
        self.tell("DELETED", gone or {})

    def tell(self, kind: str, lease: Object) -> None:
        for queue in self.watching:
            queue.put_nowait({"type": kind, "object": copy.deepcopy(lease)})


@dataclass
class Link:
    """One candidate's way to the Lease. ``fault`` is met by each request; ``delay`` is each one's way there.

    A watch is refused with ``unwatched``, and says nothing any more with ``deaf``.
    """

    cluster: Cluster
    who: str
    name: str = "kotsapp-system/kotsapp-operator"
    fault: str = ""
    delay: Callable[[], float] = lambda: 0.01
    unwatched: bool = False
    deaf: bool = False
    gets: int = 0

    async def watch(self, version: str) -> AsyncIterator[Object]:
        await self._way()
        if self.unwatched:
            raise ApiError(403, "Forbidden", 'User "x" cannot watch resource "leases"')
        if self.cluster.lease and self.cluster.lease["metadata"]["resourceVersion"] != version:
            yield {"type": "MODIFIED", "object": copy.deepcopy(self.cluster.lease)}
        queue: asyncio.Queue[Object] = asyncio.Queue()
        self.cluster.watching.append(queue)
        try:
            while True:
                event = await queue.get()
                if self.fault or self.deaf:
                    continue
                await asyncio.sleep(self.delay())
                yield event
        finally:
            self.cluster.watching.remove(queue)

    async def get(self) -> Object | None:
        self.gets += 1
        await self._way()
        return copy.deepcopy(self.cluster.lease)

    async def put(self, lease: Object) -> Object:
        await self._way()
        stored = self.cluster.store(lease)
        self.cluster.puts.append((self.who, str(stored["spec"]["holderIdentity"])))
        if self.fault == "answer lost":
            await asyncio.sleep(TRY_SECONDS)
            raise ApiError(0, "Timeout", "the API server does not answer within 3 s")
        await asyncio.sleep(self.delay())
        return stored

    async def _way(self) -> None:
        if self.fault == "forbidden":
            raise ApiError(403, "Forbidden", 'User "x" cannot update resource "leases"')
        if self.fault == "refused":
            raise ApiError(0, "Unavailable", "the API server can't be reached: connection refused")
        if self.fault == "silent":
            await asyncio.sleep(TRY_SECONDS)
            raise ApiError(0, "Timeout", "the API server does not answer within 3 s")
        await asyncio.sleep(self.delay())


class Candidate:
    """Stands for election for ever, a term after the other."""

    def __init__(self, cluster: Cluster, name: str, skew: float = 0.0) -> None:
        self.name = name
        self.link = Link(cluster, name)
        self.lost: list[str] = []
        self._skew = skew
        self.fence, self.elector = self._term(None)
        self.task = asyncio.ensure_future(self._run())

    def clock(self) -> float:
        return asyncio.get_running_loop().time() + self._skew

    @property
    def writes(self) -> bool:
        return self.fence.seconds > 0

    def _term(self, seen: Seen | None) -> tuple[Fence, Elector]:
        fence = Fence(self.clock)
        return fence, Elector(self.link, self.name, fence, self.clock, seen)

    async def _run(self) -> None:
        while True:
            self.fence, self.elector = self._term(self.elector.seen)
            await self.elector.lead()
            self.lost.append(await self.elector.keep())

    async def kill(self) -> None:
        """As by SIGKILL: nothing is given back. What it could still write before its fence closes, it doesn't."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.fence.shut()

    async def terminate(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.elector.release()


@asynccontextmanager
async def candidates(*names: str, cluster: Cluster | None = None) -> AsyncIterator[tuple[Cluster, list[Candidate]]]:
    """They begin one after the other; that no two write at once is looked at all the time."""
    cluster = cluster or Cluster()
    made = [Candidate(cluster, name, skew=number * 86_400.0) for number, name in enumerate(names)]
    twice: list[list[str]] = []

    async def look() -> None:
        while True:
            writing = [candidate.name for candidate in made if candidate.writes]
            if len(writing) > 1:
                twice.append(writing)
            await asyncio.sleep(0.05)

    looking = asyncio.ensure_future(look())
    try:
        yield cluster, made
    finally:
        looking.cancel()
        for candidate in made:
            candidate.task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(looking, *(c.task for c in made), return_exceptions=True)
    assert twice == []


def now() -> float:
    return asyncio.get_running_loop().time()


async def leader(made: list[Candidate]) -> Candidate:
    await until(lambda: any(candidate.writes for candidate in made))
    return next(candidate for candidate in made if candidate.writes)


async def leader_and_other(made: list[Candidate]) -> tuple[Candidate, Candidate]:
    """Of two."""
    first = await leader(made)
    (other,) = [candidate for candidate in made if candidate is not first]
    return first, other


async def seconds_until(condition: Callable[[], Any]) -> float:
    began = now()
    await until(condition)
    return now() - began
