"""Free loopback ports for servers that must come back on the same port after a restart."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Below Linux's range for outgoing connections (from 32768), so no client socket takes the port of a server
# that is down for a moment.
_LOWEST, _HIGHEST = 15000, 32000
_TRIES = 200
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nothing listens on and that this process was not given before.

    Raises OSError when no port was found.
    """
    for _ in range(_TRIES):
        port = random.randint(_LOWEST, _HIGHEST)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise OSError(f"no free port on {LOOPBACK} between {_LOWEST} and {_HIGHEST} in {_TRIES} tries")


def listening(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((LOOPBACK, port)) == 0
