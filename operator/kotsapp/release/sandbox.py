"""Walls around a program: bounds that always hold, and what the kernel has against reading and connecting.

With Landlock (Linux 5.13, for the network 6.7) the program opens nothing but what it is given, connects to nothing but
local ports that are named, and reaches no other process. Where the network isn't covered by that, a user and network
namespace is tried. Where there is neither, limits, environment and what the program is handed are all there is.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

# Run by its path. Loading it takes as long as loading ctypes does.
_CONFINE = Path(__file__).with_name("confine.py")
# Read by programs that are linked dynamically, and for the names of time zones.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/nix/store", "/usr/share/zoneinfo")


class Walls(NamedTuple):
    """What a program may have.

    ``folder`` is the one place where it reads and writes. ``memory`` is private writable memory in bytes,
    ``seconds`` are of CPU, ``file_bytes`` is the largest file, ``files`` are open ones, ``ports`` of this machine it
    may connect to.
    """

    folder: str
    memory: int
    seconds: int
    file_bytes: int
    files: int
    ports: tuple[int, ...] = ()


def command(program: Sequence[str], walls: Walls) -> list[str]:
    """The command that runs ``program``, a path and its arguments, between the walls."""
    limits = {
        "RLIMIT_DATA": walls.memory,
        "RLIMIT_CPU": walls.seconds,
        "RLIMIT_FSIZE": walls.file_bytes,
        "RLIMIT_NOFILE": walls.files,
    }
    path = str(Path(program[0]).resolve())
    lines = (
        [f"{name}={value}" for name, value in limits.items()],
        [walls.folder],
        [path, *_LIBRARIES],
        [str(port) for port in walls.ports],
    )
    written = "\n".join("\t".join(line) for line in lines)
    return [sys.executable, "-I", "-S", str(_CONFINE), written, "--", path, *program[1:]]


def landlock_version() -> int:
    """What the kernel has of Landlock: 0 for nothing, 4 and more with the network."""
    from kotsapp.release import confine

    return confine.landlock_version()


def described() -> str:
    """Which walls stand on this machine, for the log."""
    from kotsapp.release import confine

    version = landlock_version()
    if version >= confine.NETWORK_SINCE:
        return "files and network (Landlock)"
    if version:
        return "files (Landlock), network where a namespace can be made"
    return "none from the kernel: limits and a scrubbed environment alone"
