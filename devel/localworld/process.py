"""Child processes that never outlive the world that started them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from localworld.patience import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# The kernel's parent-death signal follows the thread that forked, not the process: a child started from a
# short-lived thread would die with that thread. One thread, alive until the interpreter ends, starts them all.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="localworld-spawner")
_POLL_SECONDS = 0.02
_STOP_SECONDS = 10.0
_LOG_TAIL_LINES = 8


class ProcessError(RuntimeError):
    """A child did not start or did not become ready; the message ends with the last lines of its log."""


class Child:
    """One long-running child process, which can be paused, killed and started again with the same arguments.

    stdout and stderr go to files that are appended to over restarts. The child leads its own process
    group, so a Ctrl-C in the terminal reaches only the parent, and `stop` reaches what the child started.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        stdout: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = [str(part) for part in argv]
        self.log = log
        self._stdout = stdout or log
        self._env = dict(env) if env is not None else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; ProcessError when it was never started."""
        if self._process is None:
            raise ProcessError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; it gets SIGKILL when this process ends, however that happens (Linux)."""
        if self.running:
            return
        self._process = _SPAWNER.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        setpriv = shutil.which("setpriv")
        argv = [setpriv, "--pdeathsig", "KILL", *self.argv] if setpriv else self.argv
        with self.log.open("ab") as log, self._stdout.open("ab") as out:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Poll `ready` until it is true; ProcessError when the process ends or the seconds are over first.

        On a busy machine there are more of them.
        """
        began = time.monotonic()
        while not ready():
            if not self.running:
                code = self._process.returncode if self._process else None
                raise ProcessError(f"{self.name} ended with exit code {code}\n{self.log_tail()}")
            waited = time.monotonic() - began
            if waited > seconds * patience():
                raise ProcessError(f"{self.name} was not ready after {waited:.0f} s\n{self.log_tail()}")
            time.sleep(_POLL_SECONDS)

    def log_tail(self) -> str:
        """The last lines of the log, for an error message."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LOG_TAIL_LINES:])

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL and wait for the end: connections break."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_STOP_SECONDS * patience())

    def terminate(self, *, seconds: float = _STOP_SECONDS) -> int:
        """SIGTERM, then SIGKILL after `seconds`; the exit code."""
        if self._process is None:
            return 0
        self._signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def stop(self) -> None:
        """End the process and whatever it started. A world is thrown away, so nothing needs a slow goodbye."""
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        # Once it is reaped its number may be somebody else's; until then it names this group alone.
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
