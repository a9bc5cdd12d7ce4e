"""What runs in the world's images when the node is a real one: busybox, and a pause that holds a pod together."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import TYPE_CHECKING

from localworld import reference
from localworld.registries.image import Content

if TYPE_CHECKING:
    from pathlib import Path

    from localworld.realnode.programs import NodePrograms

PAUSE = "registry.k8s.io/pause:3.10"
# Serves its name over HTTP and says so in its log, until it is told to end.
_APPLICATION = b"""#!/bin/sh
trap 'echo "$IMAGE ends"; exit 0' TERM INT
echo "$IMAGE runs in $(hostname)"
httpd -f -p 8080 -h /www &
while :; do sleep 3600 & wait $!; done
"""


def of(programs: NodePrograms, text: str) -> Content:
    """What the image of that reference holds."""
    name = reference.parse(text).repository.rpartition("/")[2]
    if name == "pause":
        return Content(files=(("pause", _read(programs.pause)),), run=("/pause", "-P"))
    busybox = _read(programs.busybox)
    links = tuple((f"bin/{applet}", "busybox") for applet in _applets(programs.busybox) if applet != "busybox")
    if name == "busybox":
        # As in the image of that name: a shell, which ends at once without a command.
        return Content((("bin/busybox", busybox),), links, ("sh",))
    files = (("bin/busybox", busybox), ("bin/application", _APPLICATION), ("www/index.html", f"{text}\n".encode()))
    return Content(files, links, ("/bin/application",))


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _applets(busybox: Path) -> tuple[str, ...]:
    return tuple(subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split())
