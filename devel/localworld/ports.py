"""Free loopback ports for servers that must come back on the same port after a restart."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below Linux's range for outgoing connections (from 32768), so no client socket takes the port of a server
# that is down for a moment.
_LOWEST, _HIGHEST = 15000, 32000
_TRIES = 200
# Open and locked as long as this process lives, so that of several processes each is given other ports.
_locks: dict[int, int] = {}


def free_port() -> int:
    """A loopback port that nothing listens on and that no process here was given before.

    Raises OSError when no port was found.
    """
    for _ in range(_TRIES):
        port = random.randint(_LOWEST, _HIGHEST)
        if port not in _locks and _bindable(port) and _lock(port):
            return port
    raise OSError(f"no free port on {LOOPBACK} between {_LOWEST} and {_HIGHEST} in {_TRIES} tries")


def listening(address: str) -> bool:
    """Whether something accepts connections at `HOST:PORT`."""
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, int(port))) == 0


def _bindable(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _lock(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"localworld-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _locks[port] = descriptor
    return True
