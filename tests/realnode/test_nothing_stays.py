"""Whatever the real node made on the machine goes with it, however its world ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from localworld.realnode import cgroups
from localworld.world import World

pytestmark = pytest.mark.usefixtures("real_node")

SECONDS = 60
SYSCTLS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
PLACES = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers", "/etc/cni", "/run/containerd")
_HELD = """
import sys, time
from localworld.world import World
world = World.start(sys.argv[1], node="real", samples=True)
world.kubectl("run", "app", "--image=nginx:1.27")
world.kubectl("wait", "--for=condition=Ready", "pod/app", "--timeout=60s")
print("ready", flush=True)
time.sleep(3600)
"""


@dataclass(frozen=True)
class Machine:
    """What a node could leave behind."""

    links: frozenset[str]
    mounts: frozenset[str]
    groups: frozenset[str]
    sysctls: tuple[str, ...]
    places: tuple[bool, ...]

    @classmethod
    def seen(cls) -> "Machine":
        return cls(
            links=frozenset(link.name for link in Path("/sys/class/net").glob("localworld*")),
            mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            groups=frozenset(
                str(group)
                for hierarchy in cgroups.hierarchies(cgroups.SELF)
                for group in hierarchy.own.glob("localworld-*")
            ),
            sysctls=tuple(Path("/proc/sys", name).read_text() for name in SYSCTLS),
            places=tuple(Path(place).exists() for place in PLACES),
        )


def test_a_stopped_world_leaves_nothing(tmp_path: Path) -> None:
    before = Machine.seen()
    with World.start(tmp_path / "world", node="real", samples=True) as world:
        world.kubectl("run", "app", "--image=nginx:1.27")
        world.kubectl("wait", "--for=condition=Ready", "pod/app", f"--timeout={SECONDS}s")
        during = Machine.seen()

    assert Machine.seen() == before
    assert _processes(tmp_path) == []
    assert during.groups > before.groups
    assert during.links > before.links
    assert (during.sysctls, during.places, during.mounts) == (before.sysctls, before.places, before.mounts)


def test_a_world_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    before = Machine.seen()
    argv = [sys.executable, "-c", _HELD, str(tmp_path / "world")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        assert Machine.seen() != before
        holder.send_signal(signal.SIGKILL)

    _until(lambda: Machine.seen() == before)
    _until(lambda: _processes(tmp_path) == [])


def _processes(folder: Path) -> list[str]:
    """The command lines of those that have the folder in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in words:
            found.append(words)
    return found


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
