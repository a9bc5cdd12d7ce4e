"""On whose behalf a question is asked, as far down as names are resolved."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass

from kotsapp.fair_queue import NOBODY, Tenant


@dataclass(slots=True)
class Asker:
    """``until`` is when the question's time is over, on the loop's clock, None for never; ``waited`` are the seconds
    that it waited for slots that others had: nobody was asked meanwhile."""

    tenant: Tenant = NOBODY
    until: float | None = None
    waited: float = 0.0
    _since: float | None = None

    @property
    def queued(self) -> bool:
        """Whether it waits for a slot now."""
        return self._since is not None

    def queue(self) -> None:
        """A slot is waited for from now on."""
        self.proceed()
        self._since = asyncio.get_running_loop().time()

    def proceed(self) -> None:
        """There is one, or the time is over."""
        if self._since is not None:
            self.waited += asyncio.get_running_loop().time() - self._since
            self._since = None


# Between a request and the look-up of its host there is aiohttp, which passes nothing on.
asker: ContextVar[Asker] = ContextVar("asker")
