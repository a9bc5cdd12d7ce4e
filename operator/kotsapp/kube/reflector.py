"""List, watch, and list again where that is needed: the one loop behind every view of the cluster."""

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any

from kotsapp.backoff import Backoff
from kotsapp.kube.errors import ApiError
from kotsapp.redact import Shared

logger = logging.getLogger(__name__)

RELIST = Backoff(first=0.2, longest=10.0)
# An API server that has just started refuses everybody for a moment; what stays refused is asked for seldom.
FORBIDDEN = Backoff(first=1.0, longest=60.0)
# A watch that stood for so many seconds before it was cut is opened again at once.
STEADY = 5.0


class Reflector(ABC):
    """Keeps a view of some objects up to date. What comes of each answer is for who extends it.

    ``retry_now`` ends a wait before the next try. Apps share it: ``shared`` is joined by each that follows it, and what
    is asked is asked on behalf of none of them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.retry_now = asyncio.Event()
        self.shared = Shared()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on, until ``cancel``."""
        self._task = asyncio.create_task(self.run(), name=f"watch {self.name}", context=self.shared.context())

    def cancel(self) -> asyncio.Task[None]:
        """End it; the task is there to be awaited."""
        if self._task is None:
            raise RuntimeError(f"the watch of {self.name} was not started")
        self._task.cancel()
        return self._task

    @abstractmethod
    async def list(self) -> str:
        """Take the state of all objects; the resourceVersion from which a watch goes on. Raises ApiError."""

    @abstractmethod
    def watch(self, version: str) -> AsyncIterator[Mapping[str, Any]]:
        """Watch events from this version on, bookmarks included; raises ApiError."""

    @abstractmethod
    def observe(self, event: Mapping[str, Any]) -> None:
        """Take one change."""

    def forbidden(self, error: ApiError, failures: int) -> None:
        """This identity may not list or watch, after so many ``failures`` in a row."""
        logger.debug("may not watch %s (%d failures before): %s", self.name, failures, error)

    def unserved(self, failures: int) -> None:
        """The kind is not served, or not any more, after so many ``failures`` in a row."""
        logger.debug("%s are not served (%d failures before)", self.name, failures)

    async def run(self) -> None:
        """Watch for ever: a fault in reading one answer must not leave changes unseen from then on."""
        while True:
            try:
                await self._run()
            except Exception:
                logger.exception("watching %s failed unexpectedly", self.name)
                await asyncio.sleep(RELIST.longest)

    async def _run(self) -> None:
        failures, version = 0, ""
        while True:
            began = time.monotonic()
            try:
                if not version:
                    version = await self.list()
                async for event in self.watch(version):
                    failures = 0
                    version = str((event["object"].get("metadata") or {}).get("resourceVersion") or version)
                    if event["type"] != "BOOKMARK":
                        self.observe(event)
            except ApiError as error:
                if time.monotonic() - began > STEADY:
                    failures = 0
                if error.status in (403, 404, 410):
                    version = ""  # what was seen says nothing of what is there when it is seen again
                if error.status == 403:
                    self.forbidden(error, failures)
                elif error.status == 404:
                    self.unserved(failures)
                failures += 1
                delay = (FORBIDDEN if error.status == 403 else RELIST).after(failures)
                if await self._woken(delay):
                    failures = 0

    async def _woken(self, delay: float) -> bool:
        """Wait; True when somebody wants it tried now."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self.retry_now.wait()
            self.retry_now.clear()
            return True
        return False
