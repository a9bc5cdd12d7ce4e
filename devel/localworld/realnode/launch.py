"""`python -m localworld.realnode.launch SETTINGS`: into control groups and namespaces of its own, and on as `inside`.

What it made on the machine goes when it ends, however that happens: namespaces by themselves, control groups by a
second process that waits for the end of the first.
"""

from __future__ import annotations

import os
import signal
import sys

from localworld.realnode import cgroups
from localworld.realnode.settings import Settings

_NAMESPACES = (
    *("unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--propagation", "private"),
    *("--mount-proc", "--fork", "--kill-child"),
)


def main(file: str) -> None:
    """Never returns: the process becomes unshare, whose child is the node's first process."""
    settings = Settings.read(file)
    ours, theirs = os.pipe()
    janitor = os.fork()
    if janitor == 0:
        os.close(theirs)
        _clean_up(ours, settings.group)
        os._exit(0)
    os.close(ours)
    # Open in this process alone, up to its end: closing it is what tells the other one.
    os.set_inheritable(theirs, True)
    cgroups.make(settings.group)
    inside = (sys.executable, "-m", "localworld.realnode.inside", file, str(theirs))
    os.execvp("nsenter", ("nsenter", f"--net={settings.network}", *_NAMESPACES, *inside))


def _clean_up(ended: int, group: str) -> None:
    # In a group of its own, which no signal to the node reaches, nor the end of whoever started it.
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    groups = [hierarchy.own / group for hierarchy in cgroups.hierarchies(cgroups.SELF)]
    os.read(ended, 1)
    cgroups.remove(groups)


if __name__ == "__main__":
    main(sys.argv[1])
