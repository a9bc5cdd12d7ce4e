"""Reads releases in processes that can be killed (DESIGN 6.6).

What a tenant wrote is parsed in a child: it has bounds for memory, CPU and time, no credentials and no open file of the
operator's. Children are forked from a server that is warm, at most two at a time, of which one namespace has one. What
comes back is data of known types; a child that died is an error with its reason.
"""

import asyncio
import contextlib
import importlib
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.manifests.limits import MIB
from kotsapp.release import codec, leftovers
from kotsapp.release.answers import Failure
from kotsapp.release.fork_client import MAX_ANSWER_BYTES, Asked, Death, DiedError, NoFolderError, Server
from kotsapp.release.fork_server import RESULT, Limits
from kotsapp.release.pickling import packed

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# Two, so that one that takes long holds up nobody else; budget.py says what they take of the pod.
MAX_READERS = 2
MAX_MEMORY = 64 * MIB
# The largest public releases are read in two seconds; helm has a limit of its own.
MAX_CPU_SECONDS = 20
# With its charts.
MAX_SECONDS = 60.0
# What takes longer is ended and begun anew behind all others, where it may take as long as it may: nearly every release
# is read in less than a second, and what isn't holds up nobody.
QUICK_SECONDS = 10.0
# What is written is helm's charts and values, of which the largest was unpacked from 32 MiB.
MAX_FILE_BYTES = 32 * MIB
MAX_OPEN_FILES = 64
# What is less is parsed at once: less than a thread holds the interpreter for.
_SMALL = 64 * 1024
_MAX_NAME = 64


_CAUSES = {
    Death.MEMORY: f"reading the sources took more than {MAX_MEMORY // MIB} MiB of memory",
    Death.CPU: f"reading the sources took more than {MAX_CPU_SECONDS} s of CPU",
    Death.WALL_CLOCK: f"reading the sources took longer than {MAX_SECONDS:g} s",
    Death.ANSWER: f"the sources make more than {MAX_ANSWER_BYTES // MIB} MiB of objects",
    Death.CRASH: "the process that read the sources ended unexpectedly",
}


class ReaderDiedError(Exception):
    """The sources could not be read within the bounds; ``death`` says which. The message is for the app's author."""

    def __init__(self, death: Death) -> None:
        super().__init__(_CAUSES[death])
        self.death = death


class ReaderUnavailableError(Exception):
    """Nothing can be read here; the message is for who runs the operator."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Result]):
    """What a child is to do: call the function of this ``name`` with ``arguments``, which it gets pickled.

    ``result`` is the type of the answer. ``charts`` says that it runs helm; ``ports`` of this machine are all that the
    child may connect to.
    """

    name: str
    arguments: tuple[Any, ...]
    result: type[Result]
    charts: bool = False
    ports: Sequence[int] = ()


class Reader:
    """Runs jobs in children; ``jobs`` is the module with their functions by name in ``JOBS``.

    ``programs`` are what jobs may run, by path. ``limits``, ``seconds``, ``quick`` and ``base``, the folder in which it
    works, are for tests.
    """

    def __init__(
        self,
        jobs: str,
        programs: tuple[str, ...] = (),
        *,
        limits: Limits | None = None,
        seconds: float = MAX_SECONDS,
        quick: float = QUICK_SECONDS,
        base: Path | None = None,
    ) -> None:
        self._jobs = jobs
        self._programs = programs
        self._limits = limits or Limits(MAX_MEMORY, MAX_CPU_SECONDS, MAX_FILE_BYTES, MAX_OPEN_FILES)
        self._seconds = seconds
        self._quick = quick
        self._base = base or Path(tempfile.gettempdir())
        self._queue = FairQueue(MAX_READERS, spare=True)
        # There is one helm at a time: two that wait for it would be both readers.
        self._chart_queue = FairQueue(1, spare=True)
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._suspects: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Remove what a killed operator left, and start the server. A job starts it as well."""
        self._suspects |= await asyncio.to_thread(leftovers.removed, self._base)
        try:
            await self._started()
        except NoFolderError as error:
            logger.error("can't write in %s (%s): no source can be read until there is room", self._base, error)

    async def close(self) -> None:
        """End the server, and all that it has forked."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    async def run(
        self,
        job: Job[Result],
        *,
        tenant: Tenant,
        fingerprint: str,
        suspect: bool = False,
        weigh: Callable[[int], None] | None = None,
    ) -> Result:
        """What the job makes of its arguments, done for ``tenant``; ``fingerprint`` identifies its inputs.
        ``weigh`` is given the bytes that the answer will take, before it is looked into, and may raise.

        A job is suspect if its reader died before, was at work when the operator did, or is not quick: it comes after
        all others. Raises ReaderDiedError, ReaderUnavailableError, and what the job raises that is meant for the
        author.
        """
        name = fingerprint[:_MAX_NAME]
        request = partial(packed, job.name, job.arguments)
        asked = Asked(name, min(self._quick, self._seconds), tuple(job.ports))
        suspect = suspect or name in self._suspects
        try:
            frames, kind = await self._answer(request, asked, tenant, suspect=suspect, charts=job.charts)
        except DiedError as error:
            if suspect or error.death is not Death.WALL_CLOCK or self._quick >= self._seconds:
                raise ReaderDiedError(error.death) from None
            try:
                frames, kind = await self._answer(request, asked, tenant, suspect=True, charts=job.charts)
            except DiedError as again:
                raise ReaderDiedError(again.death) from None
        self._suspects -= {name}
        if kind != RESULT:
            raise (await _decoded(Failure, frames)).error()
        if weigh is not None:
            weigh(codec.weight(frames))
        return await _decoded(job.result, frames)

    def waits(self, tenant: Tenant) -> bool:
        """Whether a job of the tenant's waits for a slot now."""
        return self._chart_queue.waits(tenant) or self._queue.waits(tenant)

    async def _answer(
        self, request: Callable[[], bytes], asked: Asked, tenant: Tenant, *, suspect: bool, charts: bool
    ) -> tuple[list[bytes], bytes]:
        """``request`` makes the arguments ready once there is a slot: of those that wait there may be many, each with
        megabytes. Raises DiedError and ReaderUnavailableError."""
        if suspect:
            asked = replace(asked, seconds=self._seconds)
        async with contextlib.AsyncExitStack() as slots:
            if charts:
                await slots.enter_async_context(self._chart_queue.slot(tenant, suspect=suspect))
            await slots.enter_async_context(self._queue.slot(tenant, suspect=suspect))
            try:
                server = await self._started()
                return await server.run(request(), asked)
            except NoFolderError as error:
                raise ReaderUnavailableError(
                    f"the operator can't write in {self._base} ({error}), where it works while it reads sources: give"
                    " its pod room there, such as an emptyDir volume; tried again"
                ) from None

    async def _started(self) -> "Server":
        async with self._starting:
            if self._server is None or self._server.ended:
                self._server = await Server.started(self._base, self._jobs, self._limits, self._programs)
            return self._server


async def _decoded(type_: type[Result], frames: Sequence[bytes]) -> Result:
    """Raises ReaderDiedError for what is no such answer: something has gone wrong in there."""
    try:
        if sum(map(len, frames)) < _SMALL:
            value: Result = codec.decode(type_, frames)
        else:
            # Frame by frame, between which other threads run.
            value = await asyncio.to_thread(codec.decode, type_, frames)
    except codec.CodecError:
        logger.exception("the answer of a reader can't be read")
        raise ReaderDiedError(Death.CRASH) from None
    return value


class InProcess(Reader):
    """Runs jobs here, in a thread: for systems on which nothing can be forked and bounded."""

    async def start(self) -> None:
        logger.warning("on this system sources are read without bounds of memory and CPU: for trying out alone")

    async def close(self) -> None:
        pass

    async def run(
        self,
        job: Job[Result],
        *,
        tenant: Tenant,
        fingerprint: str,  # noqa: ARG002 - as the one that forks
        suspect: bool = False,
        weigh: Callable[[int], None] | None = None,  # noqa: ARG002
    ) -> Result:
        async with self._queue.slot(tenant, suspect=suspect):
            function = importlib.import_module(self._jobs).JOBS[job.name]
            answer: Result = await asyncio.to_thread(function, *job.arguments)
            return answer


@contextlib.asynccontextmanager
async def reading(jobs: str, programs: Sequence[str] = ()) -> AsyncIterator[Reader]:
    """A reader at work; what a release needs is among ``programs`` and those on PATH."""
    found = shutil.which("helm")
    reader_class = Reader if sys.platform == "linux" else InProcess
    reader = reader_class(jobs, (*programs, *([found] if found else ())))
    await reader.start()
    try:
        yield reader
    finally:
        await reader.close()
