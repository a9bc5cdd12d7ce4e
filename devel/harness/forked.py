"""Operators that start at once, forked from a process that has imported everything: for the tests that start many."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from harness.running import ENDED_WITH_US, Operator
from harness.waiting import until

# Each line read is the path of a log; the answer is the process id of an operator that writes to it.
_PARENT = """
import ctypes, os, signal, sys
import kotsapp.cli, kotsapp.cli.run, kotsapp.handlers, kubernetes.aio.client
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in iter(sys.stdin.readline, ""):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with who forked it, however that ends
        log = os.open(line.strip(), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        null = os.open(os.devnull, os.O_RDONLY)
        for descriptor, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, target)
        sys.exit(kotsapp.cli.main(sys.argv[1:]))
    print(pid, flush=True)
"""


class ForkedOperator(Operator):
    """An Operator with its own memory and connections all the same; ``close`` ends the process it is forked from."""

    _parent: subprocess.Popen[str] | None = None
    _pid = 0

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def running(self) -> bool:
        return bool(self._pid) and Path(f"/proc/{self._pid}").exists()

    def start(self, *, ready: bool = True) -> Self:
        assert not self.running, "one at a time"
        if self._parent is None:
            self._parent = subprocess.Popen(
                [*ENDED_WITH_US, sys.executable, "-c", _PARENT, *self.arguments],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        at = self.log.stat().st_size if self.log.exists() else 0
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(self.log, file=self._parent.stdin, flush=True)
        self._pid = int(self._parent.stdout.readline())
        if ready:
            self._wait_started(at)
        return self

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        until(lambda: not self.running, "the operator is gone", 10)

    def close(self) -> None:
        if self.running:
            self.kill()
        if self._parent is not None:
            self._parent.kill()
            self._parent.communicate()
