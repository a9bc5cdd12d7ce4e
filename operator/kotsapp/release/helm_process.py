"""A helm process: bounded in time, memory and output, between walls of its own, and never left running."""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kotsapp.manifests.limits import MAX_ARCHIVE_BYTES, MIB
from kotsapp.release.errors import HelmMissingError
from kotsapp.release.helm_lock import helm_turn
from kotsapp.release.sandbox import Walls

MAX_CPU_SECONDS = 30
# Writable memory: a chart of 6 MiB with 150 templates takes 150 MiB; budget.py says what else is in the pod.
# Go's own aim is below it: it collects garbage harder when it comes near.
MAX_MEMORY = 224 * MIB
MEMORY_AIM = 128 * MIB
# A large public chart (a monitoring stack, with its definitions) writes 5 MiB.
MAX_OUTPUT_BYTES = 10 * MIB
# Helm writes no file that is larger than what it was given, and holds a dozen open.
MAX_FILE_BYTES = MAX_ARCHIVE_BYTES
MAX_OPEN_FILES = 64
MAX_ERROR_BYTES = 64 * 1024

_PIECE = 64 * 1024
# Nothing answers there, so whatever a template or schema would fetch fails at once.
_NO_PROXY_TO_ANYWHERE = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a process ended. ``output`` is None if it wrote more than may be read, ``code`` None if its time was over."""

    code: int | None
    output: bytes | None = field(repr=False)
    complaint: bytes = field(repr=False)


def find_program(configured: str | None = None) -> Path:
    """The helm program: the configured one, else the one on PATH. Raises HelmMissingError."""
    found = shutil.which(configured or "helm")
    if found is not None:
        return Path(found)
    if configured:
        raise HelmMissingError(f"{configured} is not a program that can be run: give the path of helm")
    raise HelmMissingError(
        "the release has Helm charts or template calls, and there is no helm on PATH: install it or give its path"
    )


def execute(command: Sequence[str], folder: Path, timeout: float, *, most_complaint: int = MAX_ERROR_BYTES) -> Ran:
    """Run a command in a folder, bounded in time (seconds), memory and output, and leave nothing of it running.

    Not for use on an event loop's thread: it returns when the command has ended. Raises OSError if it can't be started.
    """
    with started(command, folder) as process:
        return ended(process, timeout, most_complaint=most_complaint)


@contextlib.contextmanager
def started(command: Sequence[str], folder: Path, *, waits: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs in a folder, and nothing of it behind the block.

    The standard input of one that ``waits`` stays open until it is closed here. Raises OSError if it can't be started.
    """
    with (
        helm_turn(),
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE if waits else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env=_environment(folder),
            # A group of its own, to be killed whole, and the reader's session, in which its niceness counts.
            process_group=0,
        ) as process,
    ):
        try:
            yield process
        finally:
            # Leave nothing running, whatever happened.
            _kill(process)


def ended(process: subprocess.Popen[bytes], timeout: float, *, most_complaint: int = MAX_ERROR_BYTES) -> Ran:
    """What a process wrote until it ended or its time was over, ``timeout`` seconds from now."""
    deadline = time.monotonic() + timeout
    output, complaint = bytearray(), b""
    with selectors.DefaultSelector() as open_pipes:
        for pipe in (process.stdout, process.stderr):
            open_pipes.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]  # both are pipes
        while open_pipes.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return Ran(None, b"", b"")
            for key, _ in open_pipes.select(left):
                part = os.read(key.fd, _PIECE)
                if not part:
                    open_pipes.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    # Only the end of what it says tells why.
                    complaint = (complaint + part)[-most_complaint:]
                else:
                    output += part
                    if len(output) > MAX_OUTPUT_BYTES:
                        _kill(process)
                        return Ran(process.wait(), None, complaint)
    try:
        return Ran(process.wait(max(0.0, deadline - time.monotonic())), bytes(output), complaint)
    except subprocess.TimeoutExpired:
        return Ran(None, b"", b"")


def walls(folder: Path, *ports: int) -> Walls:
    """What a helm in this folder may open and take; ``ports`` of this machine are what it may connect to."""
    return Walls(str(folder), MAX_MEMORY, MAX_CPU_SECONDS, MAX_FILE_BYTES, MAX_OPEN_FILES, ports)


def _environment(folder: Path) -> dict[str, str]:
    home = str(folder)
    return {
        "HOME": home,
        "TMPDIR": home,
        "HELM_CACHE_HOME": f"{home}/cache",
        "HELM_CONFIG_HOME": f"{home}/config",
        "HELM_DATA_HOME": f"{home}/data",
        "HELM_PLUGINS": f"{home}/plugins",
        "KUBECONFIG": f"{home}/none",
        "HTTP_PROXY": _NO_PROXY_TO_ANYWHERE,
        "HTTPS_PROXY": _NO_PROXY_TO_ANYWHERE,
        "GOMEMLIMIT": str(MEMORY_AIM),
        "GOMAXPROCS": "2",
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process with all that it started, unless it has ended: its number may be another's by then."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
