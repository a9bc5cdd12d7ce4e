"""Registries and name servers that hold whoever asks them: silent ones, and ones that answer once and then hang."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.attacks import HANGING_HOST, HANGING_HOSTS, SILENT_HOST, SILENT_HOSTS, SILENT_NAME
from harness.hostile import MANIFEST_TYPE, HostileRegistry, Request, Talk

if TYPE_CHECKING:
    from localworld.registries.registries import Registries

# Found first by the operator's Python: no name server answers for these names, as long as glibc would try.
_SITE = f"""
import socket, time
_look_up = socket.getaddrinfo
def getaddrinfo(host, *args, **options):
    if str(host).startswith({SILENT_NAME.partition("{}")[0]!r}):
        time.sleep(20)
        raise socket.gaierror(-3, "Temporary failure in name resolution")
    return _look_up(host, *args, **options)
socket.getaddrinfo = getaddrinfo
"""


async def _hold(request: Request, talk: Talk) -> None:
    await asyncio.sleep(3600)


async def _answer(request: Request, talk: Talk) -> None:
    await talk.answer(200, {"Content-Type": MANIFEST_TYPE})


class Holding:
    """Use as a context manager; then the operator, started with ``modules`` on its path, can be held."""

    def __init__(self, folder: Path, registries: Registries) -> None:
        self.modules = folder
        self._registries = registries
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server = HostileRegistry({"x": _hold, "first": _answer})

    def __enter__(self) -> Self:
        (self.modules / "sitecustomize.py").write_text(_SITE)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(10)
        for pattern, count in ((SILENT_HOST, SILENT_HOSTS), (HANGING_HOST, HANGING_HOSTS)):
            for number in range(count):
                self._registries.add_endpoint(pattern.format(number), self._server.endpoint)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
