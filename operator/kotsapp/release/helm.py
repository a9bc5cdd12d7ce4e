"""Runs ``helm template``. The one module of this room that starts a process and writes files.

The process gets no credentials and no home of the user's, only a folder of its own with the chart and its values; its
time, memory and output are bounded. What a chart's templates can't do offline, they can't do here, but for ``lookup``,
where somebody answers what it asks on a loopback port.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from kotsapp.manifests.errors import ManifestError, quote
from kotsapp.manifests.limits import MAX_ARCHIVE_BYTES, MIB
from kotsapp.release import cluster_view, sandbox
from kotsapp.release.archives import unpack
from kotsapp.release.chart_archive import made_anew
from kotsapp.release.charts import ChartRequest
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.helm_lock import helm_turn
from kotsapp.release.sandbox import Walls

# Large public charts (a monitoring stack) take about two seconds.
RENDER_TIMEOUT = 60.0
MAX_CPU_SECONDS = 30
# Writable memory: a chart of 6 MiB with 150 templates takes 150 MiB; budget.py says what else is in the pod.
# Go's own aim is below it: it collects garbage harder when it comes near.
MAX_MEMORY = 224 * MIB
MEMORY_AIM = 128 * MIB
# A large public chart (a monitoring stack, with its definitions) writes 5 MiB.
MAX_OUTPUT_BYTES = 10 * MIB
# As JSON, in which a character may take six bytes; the largest public values are a tenth of a MiB.
MAX_VALUES_BYTES = 8 * MIB
# Helm writes no file that is larger than what it was given, and holds a dozen open.
MAX_FILE_BYTES = MAX_ARCHIVE_BYTES
MAX_OPEN_FILES = 64
MAX_ERROR_BYTES = 64 * 1024
MAX_ERROR_CHARACTERS = 500
# A release's name is a label's value and part of most names in the chart; Helm's own bound.
MAX_RELEASE_NAME = 53

_PIECE = 64 * 1024
_RELEASE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Behind helm's errors about templates: for who runs it by hand.
_ADVICE = "Use --debug flag to render out invalid YAML"
# Nothing answers there, so whatever a template or schema would fetch fails at once.
_NO_PROXY_TO_ANYWHERE = "http://127.0.0.1:1"


class Lookups(Protocol):
    """Answers at a local ``url`` what the API server would, and says what it told that may be in no message."""

    @property
    def url(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def secrets(self) -> tuple[str, ...]: ...

    def begin(self, pretended: frozenset[tuple[str, str]]) -> None:
        """Helm is about to be started; it has to find these kinds, too."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a chart may ask about the cluster: ``version`` as ``v1.37.2``, empty for helm's own idea of it.

    ``api_versions`` are ``group/version`` and ``group/version/Kind``. ``lookups`` answers what a chart looks up;
    without it nothing is found.
    """

    version: str = ""
    api_versions: tuple[str, ...] = ()
    lookups: Lookups | None = field(default=None, repr=False)


def find_program(configured: str | None = None) -> Path:
    """The helm program: the configured one, else the one on PATH. Raises HelmMissingError."""
    found = shutil.which(configured or "helm")
    if found is not None:
        return Path(found)
    if configured:
        raise HelmMissingError(f"{configured} is no program that can be run: give the path of helm")
    raise HelmMissingError(
        "the release has Helm charts or template calls, and there is no helm on PATH: install it or give its path"
    )


async def render(
    request: ChartRequest,
    program: Path,
    namespace: str,
    cluster: Cluster | None = None,
    *,
    timeout: float = RENDER_TIMEOUT,
) -> bytes:
    """The chart's manifests and CustomResourceDefinitions, as one YAML text.

    ``namespace`` is for a chart that has none of its own; ``timeout`` is in seconds. Raises HelmError, and
    ManifestError for a name that can't be one.
    """
    into = request.namespace or namespace
    _check_names(request, into)
    cluster = cluster or Cluster()
    if cluster.lookups is None or not request.looks_up:
        return _output(request, await _run(request, program, into, replace(cluster, lookups=None), timeout), timeout)
    pretended: frozenset[tuple[str, str]] = frozenset()
    while True:
        cluster.lookups.begin(pretended)
        ran = await _run(request, program, into, cluster, timeout)
        # Kinds whose definitions are in the chart, or will come later: that is told when they are applied.
        more = cluster_view.unmapped_kinds(ran.complaint) - pretended if ran.code else frozenset()
        if not more or pretended:
            return _output(request, ran, timeout, cluster.lookups)
        pretended = more


async def render_all(
    requests: Sequence[ChartRequest], program: Path, namespace: str, cluster: Cluster | None = None
) -> list[tuple[ChartRequest, bytes]]:
    """Every chart with its output, one after the other, so that memory is bounded. Raises as ``render``."""
    return [(request, await render(request, program, namespace, cluster)) for request in requests]


def _check_names(request: ChartRequest, namespace: str) -> None:
    name = request.release_name
    if len(name) > MAX_RELEASE_NAME or not _RELEASE_NAME.fullmatch(name):
        problem = (
            f"the release name {quote(name)} is not lower-case letters, digits and '-', {MAX_RELEASE_NAME} at most"
        )
        raise ManifestError(request.place, f"{problem}: fix releaseName")
    if not _NAMESPACE.fullmatch(namespace):
        raise ManifestError(request.place, f"the namespace {quote(namespace)} can't be one: fix spec.namespace")


def _write(folder: Path, request: ChartRequest, lookups: Lookups | None = None) -> None:
    archive = request.archive
    if lookups is not None:
        path = folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(cluster_view.kubeconfig(lookups.url)))
    (folder / "chart.tgz").write_bytes(made_anew(unpack(archive.data, archive.origin), archive.origin))
    try:
        _write_values(folder, request.values)
    except ValueTooLargeError as error:
        raise ManifestError(request.place, str(error)) from None


class ValueTooLargeError(HelmError):
    """The values are more than a chart is given."""


def _write_values(folder: Path, values: Mapping[str, Any]) -> None:
    path = folder / "values.json"
    path.touch(mode=0o600)
    # helm reads JSON as YAML, which knows no surrogate pairs and allows no control characters.
    text = json.dumps(values, ensure_ascii=False)
    data = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
    if len(data) > MAX_VALUES_BYTES:
        problem = f"the chart's values are {len(data) / MIB:.0f} MiB, more than the {MAX_VALUES_BYTES // MIB} MiB"
        raise ValueTooLargeError(f"{problem} that a chart may be given: leave out what isn't needed")
    path.write_bytes(data)


def _command(request: ChartRequest, program: Path, folder: Path, namespace: str, cluster: Cluster) -> list[str]:
    command = [str(program), "template", f"--namespace={namespace}"]
    if not request.flags.skip_crds:
        command.append("--include-crds")
    command.append(f"--values={folder / 'values.json'}")
    if cluster.lookups is not None:
        # Version and kinds are then asked for there.
        command += ["--dry-run=server", "--disable-openapi-validation", f"--kubeconfig={folder / 'kubeconfig'}"]
    else:
        if cluster.version:
            command.append(f"--kube-version={cluster.version}")
        if cluster.api_versions:
            command.append(f"--api-versions={','.join(cluster.api_versions)}")
    if request.past is not None:
        command.append("--is-upgrade")
    if request.archive.outer_schema:
        # helm would fetch what the schema refers to.
        command.append("--skip-schema-validation")
    walls = _walls(folder, *((cluster.lookups.port,) if cluster.lookups else ()))
    return sandbox.command([*command, "--", request.release_name, str(folder / "chart.tgz")], walls)


def _walls(folder: Path, *ports: int) -> Walls:
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


async def _run(request: ChartRequest, program: Path, namespace: str, cluster: Cluster, timeout: float) -> Ran:
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="kotsapp-helm-"))
    try:
        await asyncio.to_thread(_write, folder, request, cluster.lookups)
        ran = await execute(_command(request, program, folder, namespace, cluster), folder, timeout)
        return replace(ran, complaint=ran.complaint.replace(str(folder).encode(), b""))
    except OSError as error:
        raise HelmError(f"{request}: {program} can't be started ({error.strerror}): check the program") from None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _output(request: ChartRequest, ran: Ran, timeout: float, lookups: Lookups | None = None) -> bytes:
    if ran.code is None:
        raise HelmError(f"{request}: helm took longer than {timeout:g} s: the chart's templates may not end")
    if ran.output is None:
        problem = f"helm wrote more than {MAX_OUTPUT_BYTES // MIB} MiB: the chart's templates may not end"
        raise HelmError(f"{request}: {problem}")
    if ran.code != 0:
        secrets = (*request.secrets, *((*lookups.secrets, lookups.url) if lookups else ()))
        told = _told(ran.complaint, secrets)
        raise HelmError(f"{request}: {told or f'helm ended with code {ran.code}'}")
    return ran.output


async def render_files(
    files: Mapping[str, str], values: Mapping[str, Any], program: Path, *, timeout: float, most_complaint: int
) -> Ran:
    """As ``execute``, for a chart of our own: its files' texts by their paths, and its values. Raises HelmError."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="kotsapp-calls-"))
    try:
        await asyncio.to_thread(_write_files, folder, files, values)
        command = [str(program), "template", f"--values={folder / 'values.json'}", "--", "calls", str(folder / "chart")]
        command = sandbox.command(command, _walls(folder))
        return await execute(command, folder, timeout, most_complaint=most_complaint)
    except OSError as error:
        raise HelmError(f"{program} can't be started ({error.strerror}): check the program") from None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _write_files(folder: Path, files: Mapping[str, str], values: Mapping[str, Any]) -> None:
    _write_values(folder, values)
    for name, text in files.items():
        path = folder / "chart" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


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


def _told(complaint: bytes, secrets: Sequence[str]) -> str:
    """helm's error on one line, without anything secret that it quotes from the values."""
    text = complaint.decode("utf-8", "replace").replace(_ADVICE, "").strip()
    for secret in secrets:
        text = text.replace(secret, "***")
    at = text.rfind("Error: ")
    text = " ".join((text[at + len("Error: ") :] if at >= 0 else text).split())
    if "out of memory" in text or "cannot allocate memory" in text:
        return "helm ran out of memory: the chart's templates may not end"
    return text if len(text) <= MAX_ERROR_CHARACTERS else text[: MAX_ERROR_CHARACTERS - 3] + "..."
