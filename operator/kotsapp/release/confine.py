"""Puts walls around this process and becomes the program that is to stand between them.

Run by path, as ``python -I -S confine.py WALLS -- PROGRAM ARGUMENT…``: it imports little, so that it costs a hundredth
of a second. WALLS is what ``sandbox.command`` writes. What the kernel doesn't have is left out; the limits always hold.
"""

import ctypes
import os
import resource
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPED = 0b11  # abstract unix sockets, and signals
# Each version of Landlock knows more that can be denied.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
NETWORK_SINCE, _SCOPED_SINCE = 4, 6
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _SIGKILL = 1, 38, 9
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """What the kernel has of Landlock, 0 for nothing."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def die_with_parent() -> None:
    """From now on; whoever calls this checks then whether the parent is still there."""
    if sys.platform.startswith("linux"):
        _libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def limit(limits: dict[str, int]) -> None:
    """Set limits by their names in ``resource``, those that the system has; core dumps are always off."""
    for name, value in {**limits, "RLIMIT_CORE": 0}.items():
        number = getattr(resource, name, None)
        if number is not None:
            _, most = resource.getrlimit(number)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(number, (value, value))


def confine(written: str, read: list[str], ports: list[int], *, namespaces: bool = True) -> None:
    """Let this process read and run what is in ``read``, write in ``written``, and connect to local ``ports`` alone.

    ``namespaces`` says whether one is made where Landlock doesn't know the network.
    """
    if not sys.platform.startswith("linux"):
        return
    die_with_parent()
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = landlock_version()
    if namespaces and version < NETWORK_SINCE and not ports:
        # A namespace without any address; a container's kernel or its rules may refuse it.
        _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    if version:
        _restrict(version, written, read, ports)


def _restrict(version: int, written: str, read: list[str], ports: list[int]) -> None:
    bits = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    every = (1 << bits) - 1
    network = _BIND_TCP | _CONNECT_TCP if version >= NETWORK_SINCE else 0
    scoped = _SCOPED if version >= _SCOPED_SINCE else 0
    attributes = (ctypes.c_uint64 * 3)(every, network, scoped)
    size = 8 * (1 + (version >= NETWORK_SINCE) + (version >= _SCOPED_SINCE))
    ruleset = int(_libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0))
    if ruleset < 0:
        return
    _allow_path(ruleset, written, every)
    _allow_path(ruleset, "/dev/null", _READ_FILE | _WRITE_FILE)
    for path in read:
        _allow_path(ruleset, path, _READ_FILE | _EXECUTE | (_READ_DIR if os.path.isdir(path) else 0))  # noqa: PTH112
    if network:
        for port in ports:
            rule = (ctypes.c_uint64 * 2)(_CONNECT_TCP, port)
            _libc.syscall(_ADD_RULE, ruleset, _NET_PORT, ctypes.byref(rule), 0)
    _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_PathBeneath(rights, opened)), 0)
    os.close(opened)


def main(arguments: list[str]) -> None:
    walls, _, program, *rest = arguments
    limits, written, read, ports = ([part for part in line.split("\t") if part] for line in walls.split("\n"))
    limit({name: int(value) for name, _, value in (each.partition("=") for each in limits)})
    confine(written[0], read, [int(port) for port in ports])
    os.umask(0o077)
    try:
        os.execv(program, [program, *rest])  # noqa: S606 - a path and a list of arguments
    except OSError as error:
        sys.stderr.write(f"Error: {program} can't be started ({error.strerror}): check the program\n")
        os._exit(126)


if __name__ == "__main__":
    main(sys.argv[1:])
