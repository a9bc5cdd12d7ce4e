"""Operators that start at once: forked from one process that has imported everything, for all tests of a worker."""

import atexit
import functools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from harness.running import ROOT, Operator
from localworld.process import Child

_PARENT_SECONDS = 60.0
# The preloaded library is what this is for, and it is loaded when a program is begun.
_EXECUTED = "LD_PRELOAD"


class ForkedOperator(Operator):
    """An Operator with its own memory and connections all the same, whose start takes little of the processor.

    What has to be there before Python is (``extra_path``, LD_PRELOAD) takes a process that is begun from nothing.
    """

    def _begin(self, log: Path) -> "subprocess.Popen[bytes] | ForkedProcess":
        if self.extra_path or self.entering or _EXECUTED in self.environment:
            return super()._begin(log)
        return ForkedProcess(self.arguments, self.environment, log)


class ForkedProcess:
    """One forked operator, with what Popen has of a process."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(_parent()))
        request = {"arguments": arguments, "environment": environment, "log": str(log)}
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        self._answers = self._connection.makefile("rb", buffering=0)
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; TimeoutExpired while it runs."""
        if self.returncode is None:
            ends = select.poll()
            ends.register(self._connection, select.POLLIN)
            if not ends.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("a forked operator", timeout or 0.0)
            # Where nothing is said, its parent was killed, and it with it.
            self.returncode = int(self._answers.readline() or -signal.SIGKILL)
            self._answers.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


@functools.cache
def _parent() -> Path:
    """The socket of the process that operators of this one are forked from, which ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="kotsapp-operators-"))
    path = folder / "socket"
    command = [sys.executable, "-m", "harness.fork_parent", str(path)]
    modules = os.pathsep.join([str(ROOT / "operator"), str(ROOT / "devel")])
    parent = Child("fork parent", command, log=folder / "log", env={**os.environ, "PYTHONPATH": modules})
    parent.start()
    parent.wait_until(path.exists, seconds=_PARENT_SECONDS)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(parent.stop)
    return path
