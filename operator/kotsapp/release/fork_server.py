"""A process that is warm: it has imported what reads releases, and forks a child for each job, within bounds.

It is started once, with nothing of the operator's: no open file, no credential in its environment. A child does one job
and ends. Its parent here, which has not reaped it yet, is who may kill it: no other process gets its number.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kotsapp.release import codec, confine
from kotsapp.release.helm_lock import HELM_LOCK_VARIABLE
from kotsapp.release.pickling import unpacked

LENGTH = struct.Struct("!I")
MAX_MESSAGE = 4096
EXIT_NO_MEMORY, EXIT_FAULT = 77, 78
RESULT, ERROR = b"r", b"e"
HELM_LOCK = "helm.lock"
# Why a child was not even begun.
NO_FOLDER = "no folder: "
_PAGE = 4096
_NEVER = float("inf")
# Where libraries and the names of time zones are.
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/nix/store")
_NICE = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take: bytes beyond what the server has, seconds of CPU, bytes of a file, open files."""

    memory: int
    cpu_seconds: int
    file_bytes: int
    files: int


@dataclass(slots=True)
class _Child:
    id: int
    deadline: float
    folder: Path
    killed_for: str = ""


def main(control: socket.socket, folder: Path, jobs: str, limits: Limits, programs: list[str]) -> None:
    """Serve until the operator's end of ``control`` is closed; then nothing that was forked is left.

    ``jobs`` is the module with the jobs' functions, ``programs`` are what those may run.
    """
    module = importlib.import_module(jobs)
    # What is done for the first time, such as looking up a codec, is done here and not in every child.
    getattr(module, "warm_up", int)()
    gc.collect()
    gc.freeze()
    try:
        (folder / HELM_LOCK).touch(mode=0o600)
    except FileNotFoundError:
        return  # the operator ended while this was loading, and took its folder along
    _Server(control, folder, jobs, limits, programs).serve()


class _Server:
    def __init__(self, control: socket.socket, folder: Path, jobs: str, limits: Limits, programs: list[str]) -> None:
        self._control = control
        self._folder = folder
        self._jobs = jobs
        self._limits = limits
        self._read = [*_SYSTEM, *sys.path, sys.prefix, sys.base_prefix, *programs, str(folder / HELM_LOCK)]
        self._children: dict[int, _Child] = {}

    def serve(self) -> None:
        woken, wake = socket.socketpair()
        woken.setblocking(False)
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            _send(self._control, {"ready": os.getpid()})
            try:
                while self._serve_once(selector, woken):
                    pass
            finally:
                for pid in self._children:
                    _kill(pid)

    def _serve_once(self, selector: selectors.BaseSelector, woken: socket.socket) -> bool:
        nearest = min((child.deadline for child in self._children.values()), default=None)
        wait = None if nearest in (None, _NEVER) else max(0.0, nearest - time.monotonic())
        events = {key.fileobj for key, _ in selector.select(wait)}
        if woken in events:
            with contextlib.suppress(BlockingIOError):
                while woken.recv(_PAGE):
                    pass
        if self._control in events and not self._handle_message():
            return False
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.deadline <= now:
                child.killed_for, child.deadline = child.killed_for or "wall clock", _NEVER
                _kill(pid)
        self._reap()
        return True

    def _handle_message(self) -> bool:
        try:
            data, handles, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 1)
        except OSError:
            return False
        if not data:
            return False
        message = json.loads(data)
        if "kill" in message:
            for pid, child in self._children.items():
                if child.id == message["kill"]:
                    child.killed_for = "cancelled"
                    _kill(pid)
        else:
            self._fork(message, handles[0])
        return True

    def _fork(self, message: dict[str, Any], handle: int) -> None:
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"job-{message['name']}-", dir=self._folder))
        except OSError as error:
            os.close(handle)
            _send(self._control, {"ended": message["id"], "status": 0, "why": f"{NO_FOLDER}{error.strerror}"})
            return
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(handle)
            shutil.rmtree(folder, ignore_errors=True)
            _send(self._control, {"ended": message["id"], "status": 0, "why": f"no process ({error.strerror})"})
            return
        if pid == 0:
            confine.die_with_parent()
            if os.getppid() != parent:
                os._exit(EXIT_FAULT)
            self._control.close()
            _become_child(handle, folder, self._jobs, self._limits, (self._read, message["ports"]))
        os.close(handle)
        # The child does the same; whoever is first.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._children[pid] = _Child(message["id"], time.monotonic() + message["seconds"], folder)

    def _reap(self) -> None:
        for pid in list(self._children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # What the child left running goes first, while its number is still taken.
            _kill(pid)
            _, status = os.waitpid(pid, 0)
            child = self._children.pop(pid)
            shutil.rmtree(child.folder, ignore_errors=True)
            _send(self._control, {"ended": child.id, "status": status, "why": child.killed_for})


def _become_child(handle: int, folder: Path, jobs: str, limits: Limits, may: tuple[list[str], list[int]]) -> None:
    """Do the job that comes in, and end. Never returns. ``may`` are the paths that it may read, and the local ports."""
    code = EXIT_FAULT
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.set_inheritable(handle, False)
        _bound(folder, limits)
        # Against a fault in a parser, which could otherwise read what the pod has.
        confine.confine(str(folder), *may, namespaces=False)
        channel = socket.socket(fileno=handle)
        name, arguments = unpacked(_received(channel))
        function = getattr(sys.modules[jobs], "JOBS")[name]  # noqa: B009 - the module is known by its name alone
        _answer(channel, function, arguments)
        code = 0
    except MemoryError:
        code = EXIT_NO_MEMORY
    except BaseException:  # noqa: BLE001 - nothing may get out of a fork
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _bound(folder: Path, limits: Limits) -> None:
    with contextlib.suppress(OSError):
        # Where memory is short for all, this goes first.
        Path("/proc/self/oom_score_adj").write_bytes(b"1000")
    # Children and the helms that they start never keep the operator's own thread, which all apps share, from a core.
    os.nice(_NICE)
    # Documents are trees, and a child does not live long.
    gc.disable()
    # Of address space, what Go and threads merely reserve counts as well; this is what can be written to.
    _limit(resource.RLIMIT_DATA, _data() + limits.memory)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.files)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.update({"HOME": str(folder), "TMPDIR": str(folder), HELM_LOCK_VARIABLE: f"{folder.parent}/{HELM_LOCK}"})
    tempfile.tempdir = str(folder)
    os.chdir(folder)


def _limit(resource_: int, value: int) -> None:
    """The limit that is felt alone: helm, which is started from here, has limits of its own, and an end at the limit
    of CPU is told apart from being killed."""
    _, most = resource.getrlimit(resource_)
    resource.setrlimit(resource_, (value if most == resource.RLIM_INFINITY else min(value, most), most))


def _data() -> int:
    """Private writable memory that this process has from its parent, in bytes."""
    try:
        lines = Path("/proc/self/status").read_bytes().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"VmData:"))
    except (OSError, StopIteration):
        return 0


def _answer(channel: socket.socket, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        result = function(*arguments)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - only those that are known go out
        frames, kind = _error_frames(error), ERROR
    else:
        frames, kind = codec.encode(result), RESULT
    for frame in frames:
        channel.sendall(LENGTH.pack(len(frame) + 1) + kind + frame)
    # An end that is said, so that what was cut off is no answer.
    channel.sendall(LENGTH.pack(0))


def _error_frames(error: Exception) -> Iterator[bytes]:
    from kotsapp.release.answers import Failure

    failure = Failure.of(error)
    if failure is None:
        raise error
    return codec.encode(failure)


def _received(channel: socket.socket) -> bytearray:
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    return _exactly(channel, length)


def _exactly(channel: socket.socket, length: int) -> bytearray:
    data = bytearray()
    while len(data) < length:
        piece = channel.recv(min(length - len(data), 1 << 20))
        if not piece:
            raise EOFError("the operator is gone")
        data += piece
    return data


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    # A reader of these that is gone is noticed where its messages are read.
    with contextlib.suppress(OSError):
        control.send(json.dumps(message).encode())


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    handle, place, module, bounds, *allowed = sys.argv[1:]
    main(socket.socket(fileno=int(handle)), Path(place), module, Limits(**json.loads(bounds)), allowed)
