"""The control groups of a node: one below this process's own in each hierarchy of version 1, removed at the end."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SELF = Path("/proc/self")
_UNIFIED = "cgroup2"
_CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")
_REMOVE_SECONDS = 20.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy: where, with which options it is mounted, and a process's own group in it."""

    mounted: Path
    kind: str
    options: str
    own: Path

    @property
    def keeps_cpus(self) -> bool:
        """Whether a new group can hold no process until it is told its CPUs."""
        return "cpuset" in self.options.split(",")


def hierarchies(process: Path) -> list[Hierarchy]:
    """Those that the process (its folder in /proc) sees; empty where there are none of version 1."""
    groups = {}
    for line in (process / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups[controllers] = path
    found = []
    for line in (process / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, mounted = before.split(" ")[3:5]
        kind, _, options = after.split(" ", 2)
        name = _controllers(kind, options, groups)
        if name is None:
            continue
        own = Path(mounted) / os.path.relpath(groups[name], root)
        if own.is_dir():
            found.append(Hierarchy(Path(mounted), kind, name, own))
    return found if any(hierarchy.kind != _UNIFIED for hierarchy in found) else []


def _controllers(kind: str, options: str, groups: dict[str, str]) -> str | None:
    """The name in /proc/PID/cgroup of the hierarchy with these mount options."""
    if kind == _UNIFIED and "" in groups:
        return ""
    if kind != "cgroup":
        return None
    words = set(options.split(","))
    return next((name for name in groups if name and set(name.split(",")) <= words), None)


def make(name: str) -> list[Path]:
    """Make a group of that name in every hierarchy and move this process there; the groups' folders."""
    made = []
    for hierarchy in hierarchies(SELF):
        group = hierarchy.own / name
        group.mkdir(exist_ok=True)
        if hierarchy.keeps_cpus:
            for file in _CPUSET_FILES:
                (group / file).write_text((hierarchy.own / file).read_text())
        (group / "cgroup.procs").write_text(str(os.getpid()))
        made.append(group)
    return made


def remove(groups: list[Path]) -> None:
    """Remove the groups and all below them, once what ran in them has ended; after 20 s what is left stays."""
    end = time.monotonic() + _REMOVE_SECONDS
    while time.monotonic() < end and any(group.exists() for group in groups):
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        time.sleep(_POLL_SECONDS)
