"""One leader among the operator's replicas, by a Lease (DESIGN 11), by the rules of client-go's leaderelection.

Nobody's clock is compared with anybody else's: a candidate counts a Lease's duration from when it saw the Lease
change last, and the leader counts its own from before it asked for the renewal. So the fence closes, wherever
requests wait and however clocks jump, before another one may take over.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from kotsapp.kube.errors import ApiError
from kotsapp.kube.fence import Fence, steady_clock
from kotsapp.kube.reflector import Reflector
from kotsapp.lease import LEASE_SECONDS, Leases, Object, Seen, claimed, observe, released

logger = logging.getLogger(__name__)

# As kube-controller-manager's: two thirds of the Lease to renew it in, five tries or so, and a third as the margin for
# writes that are on their way when it could not be.
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0
# A follower that hears of no renewal for so long looks at the Lease by itself: its watch may be cut, or refused.
SILENCE_SECONDS = 2 * RETRY_SECONDS


class LeaseWatch(Reflector):
    """Notes each change of the Lease at once, and sets ``news``. ``heard_at`` is when the last one was told of."""

    def __init__(self, leases: Leases, note: Callable[[Object | None], object], clock: Callable[[], float]) -> None:
        super().__init__(f"the Lease {leases.name}")
        self.news = asyncio.Event()
        self.heard_at = float("-inf")
        self._leases = leases
        self._note = note
        self._clock = clock

    async def list(self) -> str:
        lease = await self._leases.get()
        self._changed(lease)
        return str((lease or {}).get("metadata", {}).get("resourceVersion") or "")

    def watch(self, version: str) -> AsyncIterator[Mapping[str, Any]]:
        return self._leases.watch(version)

    def observe(self, event: Mapping[str, Any]) -> None:
        self.heard_at = self._clock()
        self._changed(None if event["type"] == "DELETED" else dict(event["object"]))

    def _changed(self, lease: Object | None) -> None:
        self._note(lease)
        self.news.set()


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
        watch = LeaseWatch(self._leases, self._note, self._clock)
        watching = asyncio.create_task(watch.run(), name=f"watch {watch.name}")
        try:
            begun = self._clock()
            while not await self._try():
                await self._chance(watch, begun)
                begun = self._clock()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
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

    async def _chance(self, watch: LeaseWatch, begun: float) -> None:
        """After a try that was ``begun`` then: wait until the Lease ends or is given back, or it is time to look."""
        again = self._clock() + RETRY_SECONDS
        while True:
            look = again
            if not self._problem:
                look = max(again, watch.heard_at + SILENCE_SECONDS)
                if self.seen and self.seen.ends > begun:
                    look = min(look, self.seen.ends)
            watch.news.clear()
            try:
                async with asyncio.timeout(look - self._clock()):
                    await watch.news.wait()
            except TimeoutError:
                return
            if self.seen and self.seen.open_to(self._identity, self._clock()):
                return

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
