"""Jobs for a reader's children, that do what a fault in reading could."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kotsapp.manifests.errors import ManifestError, Place

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    text: str = ""
    items: tuple[Any, ...] = ()
    number: int = 0


def echo(text: str, items: tuple[Any, ...] = ()) -> Answer:
    return Answer(text, items, os.getpid())


def take_memory(mebibytes: int) -> Answer:
    taken = [bytearray(MIB) for _ in range(mebibytes)]
    return Answer(number=len(taken))


def spin() -> Answer:
    while True:
        pass


def sleep(seconds: float, started: str = "") -> Answer:
    if started:
        Path(started).touch()
    time.sleep(seconds)
    return Answer(number=os.getpid())


def crash() -> Answer:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Answer()


def leave_running() -> Answer:
    """A process of its own that would outlive the job, had it not its group."""
    process = subprocess.Popen(["/bin/sleep", "600"])
    return Answer(number=process.pid)


def refuse() -> Answer:
    raise ManifestError(Place("ConfigMap m, key a.yaml", 2, 7), "is not what it should be: fix it")


def fail() -> Answer:
    raise RuntimeError("a fault that has the-secret in it")


def write_much(mebibytes: int) -> Answer:
    Path("much").write_bytes(bytes(mebibytes * MIB))
    return Answer()


def answer_much(mebibytes: int) -> Answer:
    return Answer(items=tuple("x" * MIB for _ in range(mebibytes)))


def priority() -> Answer:
    """How nice a child is, and of which session it is."""
    return Answer(str(os.nice(0)), number=os.getsid(0))


def look_around(secret: str, port: int) -> Answer:
    """What a child finds: its environment, its open files, a file of the operator's, a port of this machine."""
    opened = [str(link.readlink()) for fd in range(3, 64) if (link := Path(f"/proc/self/fd/{fd}")).is_symlink()]
    try:
        read = Path(secret).read_text()
    except OSError as error:
        read = error.strerror or ""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            connected = "connected"
    except OSError as error:
        connected = error.strerror or ""
    return Answer(items=(dict(os.environ), opened, read, connected, os.getcwd()))  # noqa: PTH109


def lie(data: bytes) -> Answer:
    """Write into the channel what is no answer."""
    frame = sys._getframe()
    while "channel" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    frame.f_locals["channel"].sendall(data)
    os._exit(0)


JOBS = {
    function.__name__: function
    for function in (
        *(echo, take_memory, spin, sleep, crash, leave_running, refuse, fail, write_much, answer_much),
        *(look_around, lie, priority),
    )
}
