"""Politeness to token services: one may serve many registries, whose own limits say nothing about it."""

import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from weakref import WeakValueDictionary

from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.registry.config import Registries
from kotsapp.registry.evidence import Evidence
from kotsapp.registry.host_state import HostPause
from kotsapp.registry.limits import MAX_HOSTS


class TokenHosts:
    """Keeps to the administrator's limit for a token service, and to the service's own rate limit."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries
        self._slots: WeakValueDictionary[str, FairQueue] = WeakValueDictionary()
        self._pauses: OrderedDict[str, HostPause] = OrderedDict()

    @contextlib.asynccontextmanager
    async def slot(self, host: str, registry: str, tenant: Tenant) -> AsyncIterator[None]:
        """Wait for a slot at the service, where the registries file limits it; a registry's own has one already."""
        limit = None if host == registry else self._registries.listed_limit(host)
        if limit is None:
            yield
            return
        async with self._slots.setdefault(host, FairQueue(limit)).slot(tenant):
            yield

    def limited(self, host: str) -> Evidence | None:
        """The service's 429 while it lasts, with the seconds that are left of it."""
        pause = self._pauses.get(host)
        now = monotonic()
        left = pause.remaining(now) if pause is not None else 0.0
        reason = pause.reason(now) if pause is not None else None
        return replace(reason, retry_after=left) if left and isinstance(reason, Evidence) else None

    def note(self, evidence: Evidence) -> None:
        """Account for what the service answered."""
        if evidence.status != 429:
            if self.limited(evidence.host) is None:  # else it was asked before the limit was known
                self._pauses.pop(evidence.host, None)
            return
        pause = self._pauses.setdefault(evidence.host, HostPause())
        pause.note(monotonic(), evidence, evidence.host)
        self._pauses.move_to_end(evidence.host)
        while len(self._pauses) > MAX_HOSTS:
            self._pauses.popitem(last=False)
