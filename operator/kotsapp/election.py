"""One leader among the operator's replicas, by a Lease (DESIGN 11), by the rules of client-go's leaderelection.

Nobody's clock is compared with anybody else's: a candidate counts a Lease's duration from when it saw the Lease
change last, and the leader counts its own from before it asked for the renewal. So the fence closes, wherever
requests wait and however clocks jump, before another one may take over.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError
from kotsapp.kube.fence import Fence, steady_clock
from kotsapp.kube.request import Request

logger = logging.getLogger(__name__)

# As kube-controller-manager's: two thirds of the Lease to renew it in, five tries or so, and a third as the margin for
# writes that are on their way when it could not be.
LEASE_SECONDS = 15
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0
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
    """One Lease of the API server's. Both raise ApiError."""

    name: str

    async def get(self) -> Object | None:
        """The Lease, None when there is none."""

    async def put(self, lease: Object) -> Object:
        """Store it, if it is still of the resourceVersion in it; make it, if it is none. The Lease as stored."""


class ApiLease:
    """The Lease in the cluster, by a connection that no fence closes. Each request is tried once, for a short time."""

    def __init__(self, connection: Connection, namespace: str, name: str) -> None:
        self.name = f"{namespace}/{name}"
        self._connection = connection
        self._metadata = {"namespace": namespace, "name": name}
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"

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

    async def _ask(self, method: str, body: Object | None = None) -> Object:
        try:
            async with asyncio.timeout(TRY_SECONDS):
                return await self._connection.json(Request(method, self._path, body=body), attempts=1)
        except TimeoutError:
            raise ApiError(0, "Timeout", f"the API server does not answer within {TRY_SECONDS:g} s") from None


class Elector:
    """A candidate. Its ``fence`` is open as long as it leads for certain.

    ``lead``, then ``keep``, then ``release``: one term. For another one there is another elector, with another fence;
    ``seen`` is what the one before it saw last.
    """

    def __init__(
        self,
        leases: Leases,
        identity: str,
        fence: Fence,
        clock: Callable[[], float] = steady_clock,
        seen: Seen | None = None,
    ) -> None:
        self.seen = seen
        self._leases = leases
        self._identity = identity
        self._fence = fence
        self._clock = clock
        self._mine: Object | None = None  # the Lease as this elector stored it last
        self._problem = ""
        self._looked = clock()

    @property
    def leads(self) -> bool:
        return self._fence.seconds > 0

    @property
    def holder(self) -> str:
        """Who leads, as far as is known; may be empty."""
        return self.seen.holder if self.seen else ""

    def problem(self) -> str | None:
        """Why this candidate would not notice that it is to lead; None when it would."""
        if self._problem and self._clock() - self._looked >= LEASE_SECONDS:
            return f"the Lease {self._leases.name} can't be used: {self._problem}"
        return None

    async def lead(self) -> None:
        """Returns as soon as this candidate is the leader."""
        while not await self._try():
            left = self.seen.ends - self._clock() if self.seen and not self._problem else 0.0
            await asyncio.sleep(left if 0 < left < RETRY_SECONDS else RETRY_SECONDS)
        logger.info("leading: the Lease %s is %s's", self._leases.name, self._identity)

    async def keep(self) -> str:
        """Renews the Lease until it is another's, or could not be renewed in time; returns which. The fence is shut."""
        while seconds := self._fence.seconds:
            await asyncio.sleep(min(RETRY_SECONDS, seconds))
            if not await self._renewed() and self.holder not in ("", self._identity):
                self._fence.shut()
                return f"{self.holder} has taken the Lease {self._leases.name}"
        self._fence.shut()
        why = self._problem or "this process was held up"
        return f"the Lease {self._leases.name} was not renewed within {RENEW_SECONDS:g} s: {why}"

    async def release(self) -> None:
        """Give the Lease back, if it is this one's, so that another candidate leads at once. Nothing is raised."""
        self._fence.shut()
        if self.holder != self._identity:
            return
        try:
            lease = await self._leases.get()
            if lease is not None and (spec := lease.get("spec") or {}).get("holderIdentity") == self._identity:
                await self._leases.put({**lease, "spec": released(spec, datetime.now(UTC))})
                logger.info("the Lease %s is released", self._leases.name)
        except ApiError as error:
            logger.warning("the Lease %s could not be released: %s", self._leases.name, error)

    async def _renewed(self) -> bool:
        """One try to renew, as long as the fence is open: what comes later counts for nothing."""
        try:
            async with asyncio.timeout(self._fence.seconds):
                return await self._try()
        except TimeoutError:
            return False

    async def _try(self) -> bool:
        """Whether the Lease is this one's by what was asked and answered now."""
        try:
            lease = self._mine or await self._leases.get()
            if not self._note(lease).open_to(self._identity, self._clock()):
                return False
            begun = self._clock()
            spec = (lease or {}).get("spec") or {}
            self._mine = await self._leases.put(
                {**(lease or {}), "spec": claimed(spec, self._identity, datetime.now(UTC))}
            )
        except ApiError as error:
            raced = error.status in (404, 409) and self._mine is not None
            self._mine = None
            if raced:  # somebody else changed it, or deleted it: look at it now
                return await self._try()
            if error.status != 409:  # else another candidate was quicker
                self._failed(error)
            return False
        self._note(self._mine)
        self._fence.extend(begun + RENEW_SECONDS)
        return True

    def _note(self, lease: Object | None) -> Seen:
        before = self.holder
        self.seen = observe(self.seen, None if lease is None else lease.get("spec") or {}, self._clock())
        self._looked, self._problem = self._clock(), ""
        if self.holder not in (before, "", self._identity):
            logger.info("following: the Lease %s is %s's", self._leases.name, self.holder)
        return self.seen

    def _failed(self, error: ApiError) -> None:
        if str(error) != self._problem:
            logger.warning("the Lease %s can't be used: %s", self._leases.name, error)
        self._problem = str(error)


def _micro(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
