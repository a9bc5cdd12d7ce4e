"""The Lease by which one replica leads: what it says to a candidate, and how it is read, watched and stored."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from kotsapp.kube.connection import WATCH_SECONDS, Connection
from kotsapp.kube.errors import ApiError, event_or_error
from kotsapp.kube.request import Request

LEASE_SECONDS = 15
# Of one request: a connection whose peer is gone must not take all of the time that there is.
TRY_SECONDS = 3.0

Object = dict[str, Any]
Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A Lease's spec, and when it was first seen like that, by the own clock."""

    spec: Spec
    at: float
    deleted: bool = False

    @property
    def holder(self) -> str:
        """Empty when the Lease is nobody's."""
        return str(self.spec.get("holderIdentity") or "")

    @property
    def ends(self) -> float:
        """When the holder has not been heard of for as long as it asked to be waited for."""
        return self.at + float(self.spec.get("leaseDurationSeconds") or LEASE_SECONDS)

    def open_to(self, identity: str, now: float) -> bool:
        """Whether this candidate may take the Lease, or has it."""
        return self.holder in ("", identity) or now >= self.ends


def observe(before: Seen | None, spec: Spec | None, now: float) -> Seen:
    """The Lease as it is now. One that was deleted is waited for like one that was renewed: somebody may lead by it."""
    if before is None:
        return Seen(spec or {}, now)
    if spec is None:
        return before if before.deleted else Seen(before.spec, now, deleted=True)
    return before if before.spec == spec and not before.deleted else Seen(spec, now)


def claimed(spec: Spec, identity: str, time: datetime) -> Object:
    """The spec with which this candidate takes the Lease, or keeps it."""
    holds = spec.get("holderIdentity") == identity
    changes = int(spec.get("leaseTransitions") or 0)
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": spec.get("acquireTime") if holds else _micro(time),
        "renewTime": _micro(time),
        "leaseTransitions": changes if holds or not spec else changes + 1,
    }


def released(spec: Spec, time: datetime) -> Object:
    """The spec of a Lease that its holder gives back; whoever sees it may take it at once."""
    return {**spec, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(time)}


class Leases(Protocol):
    """One Lease of the API server's. All of it raises ApiError."""

    name: str

    async def get(self) -> Object | None:
        """The Lease, None when there is none."""

    async def put(self, lease: Object) -> Object:
        """Store it, if it is still of the resourceVersion in it; make it, if it is none. The Lease as stored."""

    def watch(self, version: str) -> AsyncIterator[Object]:
        """Watch events from this resourceVersion on, or from how it is now; a right of its own."""


class ApiLease:
    """The Lease in the cluster, by a connection that no fence closes. Each request is tried once, for a short time."""

    def __init__(self, connection: Connection, namespace: str, name: str) -> None:
        self.name = f"{namespace}/{name}"
        self._connection = connection
        self._metadata = {"namespace": namespace, "name": name}
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._path = f"{self._all}/{name}"

    async def get(self) -> Object | None:
        try:
            return await self._ask("GET")
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def put(self, lease: Object) -> Object:
        # By PUT even where there is none: the right to make one can then be given by its name.
        kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        return await self._ask("PUT", {**kind, "metadata": self._metadata, **lease})

    async def watch(self, version: str) -> AsyncIterator[Object]:
        # Of this one field, a right that is given by the Lease's name suffices.
        query = [
            ("watch", "1"),
            ("fieldSelector", f"metadata.name={self._metadata['name']}"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        async for event in self._connection.stream(Request("GET", self._all, query=query)):
            yield event_or_error(event)

    async def _ask(self, method: str, body: Object | None = None) -> Object:
        try:
            async with asyncio.timeout(TRY_SECONDS):
                return await self._connection.json(Request(method, self._path, body=body), attempts=1)
        except TimeoutError:
            raise ApiError(0, "Timeout", f"the API server does not answer within {TRY_SECONDS:g} s") from None


def _micro(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
