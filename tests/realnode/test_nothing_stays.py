"""Whatever the real node made on the machine goes with it, however its world ends.

That a world which is stopped leaves nothing is looked at when the one ends that the other tests share (`conftest.py`).
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.traces import Machine, traces_of
from harness.waiting import until
from localworld.world import World

SECONDS = 60
_HELD = """
import sys, time
from localworld.world import World
world = World.start(sys.argv[1], node="real")
world.push_image("nginx:1.27")
world.kubectl("run", "app", "--image=nginx:1.27")
world.kubectl("wait", "--for=condition=Ready", "pod/app", "--timeout=60s")
print(world.network.number, flush=True)
time.sleep(3600)
"""


def test_a_world_is_seen_in_places_of_its_own_and_changes_nothing_else(real_world: World, machine: Machine) -> None:
    assert real_world.network is not None
    found = traces_of(real_world.folder, real_world.network.number)

    assert f"/sys/class/net/localworld{real_world.network.number}" in found
    assert any(place.endswith(f"/localworld-{real_world.network.number}") for place in found)
    assert any("kubelet" in command for command in found)
    assert Machine.seen() == machine


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, as paths of sockets must be."""
    with tempfile.TemporaryDirectory(prefix="localworld-") as made:
        yield Path(made)


@pytest.mark.usefixtures("real_node")
def test_a_world_that_is_killed_leaves_nothing(folder: Path) -> None:
    before = Machine.seen()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-c", _HELD, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        assert holder.stdout is not None
        number = int(holder.stdout.readline())
        assert traces_of(folder, number)
        holder.send_signal(signal.SIGKILL)

    until(lambda: not traces_of(folder, number), "everything of it is gone", SECONDS)
    assert Machine.seen() == before
