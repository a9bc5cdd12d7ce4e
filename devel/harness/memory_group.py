"""A control group with a bound for memory, as a container has one: the kernel ends what goes beyond it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localworld.realnode import cgroups

_REMOVE_SECONDS = 10.0


@dataclass(frozen=True)
class MemoryGroup:
    """A folder of the memory hierarchy of version 1."""

    folder: Path

    @property
    def entering(self) -> list[str]:
        """What to put before a command, so that it and all that it starts are in the group from the beginning."""
        return ["/bin/sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(self.folder)]

    @property
    def peak(self) -> int:
        """The most that was ever used, in bytes, with the pages of files that the kernel keeps while there is room."""
        return int((self.folder / "memory.max_usage_in_bytes").read_text())

    @property
    def held(self) -> int:
        """What is used now and can't be given back, in bytes: not the pages of files."""
        return self._stat("total_rss") + self._stat("total_shmem")

    @property
    def kills(self) -> int:
        """How many processes the kernel ended, since no memory was left."""
        lines = (self.folder / "memory.oom_control").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    @property
    def failures(self) -> int:
        """How often the bound was reached, and pages of files were given back, or something was ended."""
        return int((self.folder / "memory.failcnt").read_text())

    def _stat(self, name: str) -> int:
        lines = (self.folder / "memory.stat").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)


def missing() -> str | None:
    """Why no such group can be made here; None where one can."""
    if os.geteuid() != 0:
        return "a control group needs root"
    return None if _hierarchy() is not None else "a control group needs the memory hierarchy of cgroup v1"


def _hierarchy() -> Path | None:
    found = cgroups.hierarchies(cgroups.SELF)
    return next((one.own for one in found if one.options.split(",") == ["memory"]), None)


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """A group with this bound, in bytes, gone afterwards with all that is still in it."""
    hierarchy = _hierarchy()
    assert hierarchy is not None, missing()
    folder = hierarchy / f"kotsapp-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(limit))
        yield MemoryGroup(folder)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    end = time.monotonic() + _REMOVE_SECONDS
    while folder.exists():
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
