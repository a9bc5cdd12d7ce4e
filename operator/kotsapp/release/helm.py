"""Runs ``helm template``, each time in a folder of its own that is gone behind it.

The process gets no credentials and no home of the user's, only the chart and its values. What a chart's templates can't
do offline, they can't do here, but for ``lookup``, where somebody answers what it asks on a loopback port.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from kotsapp.manifests.errors import ManifestError, quote
from kotsapp.manifests.limits import MIB
from kotsapp.regexes import regex
from kotsapp.release import cluster_view, helm_files, sandbox
from kotsapp.release.charts import ChartRequest
from kotsapp.release.errors import HelmError
from kotsapp.release.helm_process import MAX_OUTPUT_BYTES, Ran, execute, walls

# Large public charts (a monitoring stack) take about two seconds.
RENDER_TIMEOUT = 60.0
MAX_ERROR_CHARACTERS = 500
# A release's name is a label's value and part of most names in the chart; Helm's own bound.
MAX_RELEASE_NAME = 53

_RELEASE_NAME = regex(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAMESPACE = regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# Behind helm's errors about templates: for who runs it by hand.
_ADVICE = "Use --debug flag to render out invalid YAML"


class Lookups(Protocol):
    """Answers at a local ``url`` what the API server would, and knows what of its answers may be in no message."""

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


def render(
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
        return _output(request, _run(request, program, into, replace(cluster, lookups=None), timeout), timeout)
    pretended: frozenset[tuple[str, str]] = frozenset()
    while True:
        cluster.lookups.begin(pretended)
        ran = _run(request, program, into, cluster, timeout)
        # Kinds whose definitions are in the chart, or will come later: applying them shows that.
        more = cluster_view.unmapped_kinds(ran.complaint) - pretended if ran.code else frozenset()
        if not more or pretended:
            return _output(request, ran, timeout, cluster.lookups)
        pretended = more


def render_all(
    requests: Sequence[ChartRequest], program: Path, namespace: str, cluster: Cluster | None = None
) -> list[tuple[ChartRequest, bytes]]:
    """Every chart with its output, one after the other, so that memory is bounded. Raises as ``render``."""
    return [(request, render(request, program, namespace, cluster)) for request in requests]


def _check_names(request: ChartRequest, namespace: str) -> None:
    name = request.release_name
    if len(name) > MAX_RELEASE_NAME or not _RELEASE_NAME.fullmatch(name):
        problem = (
            f"the release name {quote(name)} is not lower-case letters, digits and '-', {MAX_RELEASE_NAME} at most"
        )
        raise ManifestError(request.place, f"{problem}: fix releaseName")
    if not _NAMESPACE.fullmatch(namespace):
        raise ManifestError(request.place, f"the namespace {quote(namespace)} can't be one: fix spec.namespace")


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
    around = walls(folder, *((cluster.lookups.port,) if cluster.lookups else ()))
    return sandbox.command([*command, "--", request.release_name, str(folder / "chart.tgz")], around)


def _run(request: ChartRequest, program: Path, namespace: str, cluster: Cluster, timeout: float) -> Ran:
    folder = Path(tempfile.mkdtemp(prefix="kotsapp-helm-"))
    try:
        helm_files.write_chart(folder, request, cluster.lookups.url if cluster.lookups else None)
        ran = execute(_command(request, program, folder, namespace, cluster), folder, timeout)
        return replace(ran, complaint=ran.complaint.replace(str(folder).encode(), b""))
    except OSError as error:
        raise HelmError(f"{request}: {program} can't be started ({error.strerror}): check the program") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _output(request: ChartRequest, ran: Ran, timeout: float, lookups: Lookups | None = None) -> bytes:
    if ran.code is None:
        raise HelmError(f"{request}: helm took longer than {timeout:g} s: the chart's templates may not end")
    if ran.output is None:
        problem = f"helm wrote more than {MAX_OUTPUT_BYTES // MIB} MiB: the chart's templates may not end"
        raise HelmError(f"{request}: {problem}")
    if ran.code != 0:
        secrets = (*request.secrets, *((*lookups.secrets, lookups.url) if lookups else ()))
        cause = _cause(ran.complaint, secrets)
        raise HelmError(f"{request}: {cause or f'helm ended with code {ran.code}'}")
    return ran.output


def _cause(complaint: bytes, secrets: Sequence[str]) -> str:
    """helm's error on one line, without anything secret that it quotes from the values."""
    text = complaint.decode("utf-8", "replace").replace(_ADVICE, "").strip()
    for secret in secrets:
        text = text.replace(secret, "***")
    at = text.rfind("Error: ")
    text = " ".join((text[at + len("Error: ") :] if at >= 0 else text).split())
    if "out of memory" in text or "cannot allocate memory" in text:
        return "helm ran out of memory: the chart's templates may not end"
    return text if len(text) <= MAX_ERROR_CHARACTERS else text[: MAX_ERROR_CHARACTERS - 3] + "..."
