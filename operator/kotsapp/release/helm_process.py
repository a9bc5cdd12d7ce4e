"""A helm process: bounded in time, memory and output, between walls of its own, and never left running."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kotsapp.manifests.limits import MAX_ARCHIVE_BYTES, MIB
from kotsapp.release.helm_lock import helm_turn
from kotsapp.release.sandbox import Walls

MAX_CPU_SECONDS = 30
# Writable memory: a chart of 6 MiB with 150 templates takes 150 MiB; budget.py says what else is in the pod.
# Go's own aim is below it: it collects garbage harder when it comes near.
MAX_MEMORY = 208 * MIB
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


async def execute(
    command: Sequence[str], folder: Path, timeout: float, *, most_complaint: int = MAX_ERROR_BYTES
) -> Ran:
    """Run a command in a folder, bounded in time (seconds), memory and output, and leave nothing of it running.

    Raises OSError if it can't be started.
    """
    with helm_turn():
        return await _execute(command, folder, timeout, most_complaint)


async def _execute(command: Sequence[str], folder: Path, timeout: float, most_complaint: int) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=_environment(folder),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            output, complaint = await asyncio.gather(
                _read_first(process, MAX_OUTPUT_BYTES), _read_last(process.stderr, most_complaint)
            )
            return Ran(await process.wait(), output, complaint)
    except TimeoutError:
        return Ran(None, b"", b"")
    finally:
        await _end(process)


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


async def _read_first(process: asyncio.subprocess.Process, most: int) -> bytes | None:
    """The output; None if there is more than is wanted, and then nothing of it runs on."""
    parts: list[bytes] = []
    total = 0
    while process.stdout is not None and (part := await process.stdout.read(_PIECE)):
        total += len(part)
        if total > most:
            _kill(process)
            parts.clear()
        else:
            parts.append(part)
    return b"".join(parts) if total <= most else None


async def _read_last(stream: asyncio.StreamReader | None, most: int) -> bytes:
    last = b""
    while stream is not None and (part := await stream.read(_PIECE)):
        last = (last + part)[-most:] if most else b""
    return last


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing running, whatever happened."""
    if process.returncode is None:
        _kill(process)
        # A process counts as ended only when its pipes are read to their ends.
        await asyncio.gather(_read_last(process.stdout, 0), _read_last(process.stderr, 0))
        await process.wait()
