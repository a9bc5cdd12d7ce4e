"""The server that forks readers, as its parent knows it: started, given jobs, heard, ended."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

from kotsapp.manifests.limits import MIB
from kotsapp.release import leftovers
from kotsapp.release.fork_server import EXIT_NO_MEMORY, LENGTH, MAX_MESSAGE, NO_FOLDER, Limits

# An object is refused by the API server at 3 MiB, and has a frame of its own.
MAX_FRAME_BYTES = 8 * MIB
MAX_ANSWER_BYTES = 32 * MIB
_START_SECONDS = 30.0
_BUFFER = 128 * 1024


class Death(Enum):
    """What a reader died of."""

    MEMORY = "memory"
    CPU = "CPU"
    WALL_CLOCK = "wall clock"
    ANSWER = "answer"
    CRASH = "crash"


class DiedError(Exception):
    """A child ended without an answer."""

    def __init__(self, death: Death) -> None:
        super().__init__(death.value)
        self.death = death


class NoFolderError(Exception):
    """There can be no folder to work in; the message is the system's reason."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is said of a job beside its arguments: its name in its folder's, how long it may take in seconds, and which
    ports of this machine it may connect to."""

    name: str
    seconds: float
    ports: tuple[int, ...] = ()


class Server:
    """The server's process as its parent knows it."""

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, folder: Path, lock: IO[bytes]
    ) -> None:
        self._process = process
        self._control = control
        self._folder = folder
        self._lock = lock
        self._number = 0
        self._ends: dict[int, asyncio.Future[tuple[int, str]]] = {}
        self._channels: dict[int, socket.socket] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = False

    @classmethod
    async def started(cls, base: Path, jobs: str, limits: Limits, programs: tuple[str, ...]) -> "Server":
        try:
            folder, lock = await asyncio.to_thread(leftovers.new_folder, base)
        except OSError as error:
            raise NoFolderError(error.strerror or str(error)) from None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        command = [sys.executable, "-P", "-m", "kotsapp.release.fork_server", str(theirs.fileno()), str(folder), jobs]
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                json.dumps(asdict(limits)),
                *programs,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
                cwd="/",
                # Of the operator's session: where Linux shares cores among sessions first, niceness counts within one.
                process_group=0,
            )
        server = cls(process, ours, folder, lock)
        asyncio.get_running_loop().add_reader(ours.fileno(), server._receive)
        try:
            await asyncio.wait_for(server._ready, _START_SECONDS)
        except BaseException:
            await server.close()
            raise
        return server

    async def run(self, request: bytes, asked: Asked) -> tuple[list[bytes], bytes]:
        """The frames of an answer and their kind. Raises DiedError and NoFolderError."""
        self._number += 1
        number = self._number
        end = self._ends[number] = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._channels[number] = ours
        try:
            with theirs:
                message = json.dumps({"id": number, **asdict(asked)}).encode()
                socket.send_fds(self._control, [message], [theirs.fileno()])
            try:
                frames = await _request_answer(ours, request)
            finally:
                ours.close()
            if isinstance(frames, Death):
                self._send({"kill": number})
            status, why = await asyncio.shield(end)
        except asyncio.CancelledError:
            self._send({"kill": number})
            raise
        except OSError:
            # The server is gone: the next job starts another.
            self._receive()
            raise DiedError(Death.CRASH) from None
        finally:
            self._ends.pop(number, None)
            self._channels.pop(number, None)
        if isinstance(frames, Death):
            raise DiedError(frames)
        if why.startswith(NO_FOLDER):
            raise NoFolderError(why.removeprefix(NO_FOLDER))
        if frames is None:
            raise DiedError(_death(status, why))
        return frames

    def _receive(self) -> None:
        """Messages of the server; its end is the end of all that it was doing."""
        while not self.ended:
            try:
                data = self._control.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            message = json.loads(data)
            if "ready" in message:
                if not self._ready.done():  # whoever waited for it may be gone
                    self._ready.set_result(None)
                continue
            end = self._ends.get(message["ended"])
            if end is not None and not end.done():
                end.set_result((message["status"], message["why"]))

    def _end(self) -> None:
        self.ended = True
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        for end in self._ends.values():
            if not end.done():
                end.set_result((0, "server"))
        for channel in self._channels.values():
            # Nobody is there any more who would see to it that these come to an end.
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
        if not self._ready.done():
            self._ready.set_exception(RuntimeError("the process that forks readers did not start: see its output"))

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())

    async def close(self) -> None:
        if not self.ended:
            self._end()
        self._ready.cancel()
        try:
            await asyncio.wait_for(self._process.wait(), _START_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._lock.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    """Where programs and modules are, and nothing else: credentials are often in an environment."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }


async def _request_answer(channel: socket.socket, request: bytes) -> tuple[list[bytes], bytes] | Death | None:
    """Give the request, and take the answer; None if it was not finished."""
    reader, writer = await asyncio.open_connection(sock=channel, limit=_BUFFER)
    try:
        writer.write(LENGTH.pack(len(request)))
        writer.write(request)
        await writer.drain()
        frames: list[bytes] = []
        kinds: set[bytes] = set()
        total = 0
        while True:
            (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            if length == 0:
                return (frames, kinds.pop()) if len(kinds) == 1 else None
            total += length
            if length > MAX_FRAME_BYTES or total > MAX_ANSWER_BYTES:
                return Death.ANSWER
            frame = await reader.readexactly(length)
            kinds.add(frame[:1])
            frames.append(frame[1:])
    except (EOFError, OSError):
        return None
    finally:
        writer.close()


def _death(status: int, why: str) -> Death:
    """What a child died of, by how it ended and what it was killed for."""
    if why == "wall clock":
        return Death.WALL_CLOCK
    if os.WIFSIGNALED(status):
        ended_by = os.WTERMSIG(status)
        if ended_by == signal.SIGXCPU:
            return Death.CPU
        # Nobody else kills it but the kernel, which has run out of memory.
        return Death.MEMORY if ended_by == signal.SIGKILL and not why else Death.CRASH
    return Death.MEMORY if os.WEXITSTATUS(status) == EXIT_NO_MEMORY else Death.CRASH
