"""The release's objects: read from its files, charts rendered, each put into its namespace."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kotsapp.api.conditions import WORKLOADS_APPLIED, Condition, Reason
from kotsapp.api.spec import Spec
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError
from kotsapp.pullsecret import default_name
from kotsapp.reconcile.app import App
from kotsapp.reconcile.outcome import UNWATCHED_POLL, ReconcileError, retryable, terminal
from kotsapp.reconcile.plan import MAX_SHOWN, Object, place, scope_in
from kotsapp.release import deaths
from kotsapp.release.deaths import Deaths
from kotsapp.release.helm import Cluster, HelmError, HelmMissingError
from kotsapp.release.process import Reader, ReaderDiedError
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer
from kotsapp.text import listed

# The module of what is done in a reader's child.
RENDER_JOBS = "kotsapp.release.jobs"


def secret_name(spec: Spec, license: License) -> str:
    """The pull secret's name: the spec's, else the vendor's usual one."""
    return spec.pull_secret or default_name(license.app_slug)


def renderer_for(app: App, spec: Spec, license: License, helm: Path | None) -> Renderer:
    """The renderer of this app's release; ``helm`` is the administrator's choice of program."""
    return Renderer(
        license=license,
        pull_secret=secret_name(spec, license),
        namespace=app.namespace,
        proxy_domain=spec.proxy.domain,
        registry_domain=spec.proxy.registry_domain,
        patch_helm_v2=spec.patch_helm_v2,
        helm=str(helm) if helm else None,
    )


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a release is read from; ``digest`` tells it from other inputs.

    ``local_images`` are what ``LocalImageName`` answers. A ``suspect`` is read after everybody else's.
    """

    renderer: Renderer
    files: Sequence[SourceFile]
    local_images: Mapping[str, str]
    digest: str
    suspect: bool = False


async def render(inputs: Inputs, reader: Reader, client: KubeClient) -> Release:
    """The release, its template calls filled in and its objects placed.

    Raises ReconcileError for what can't be read, naming the source, the document and the line, and ReaderDiedError.
    """
    try:
        release = await _read(inputs, reader, None)
        if release.charts:
            cluster = Cluster(client.server_version, tuple(await client.api_versions()))
            release = await _read(inputs, reader, cluster)
    except (ManifestError, HelmError) as error:
        raise terminal(Reason.INVALID_MANIFEST, str(error)) from None
    except HelmMissingError as error:
        raise terminal(Reason.HELM_MISSING, str(error)) from None
    if release.is_empty:
        raise terminal(Reason.INVALID_MANIFEST, release.nothing_found(inputs.files))
    scope = scope_in(release.objects)
    return replace(release, objects=await _placed(release.objects, inputs.renderer.namespace, scope, client))


async def _read(inputs: Inputs, reader: Reader, cluster: Cluster | None) -> Release:
    return await reader.run(
        "render",
        *(inputs.renderer, tuple(inputs.files), dict(inputs.local_images), cluster),
        namespace=inputs.renderer.namespace,
        fingerprint=inputs.digest,
        result=Release,
        suspect=inputs.suspect,
    )


def after_death(previous: Deaths | None, inputs: Inputs, error: ReaderDiedError) -> Deaths:
    """What is remembered of inputs whose reader died."""
    return deaths.one_more(previous, inputs.digest, str(error))


def refuse_deadly(previous: Deaths | None, digest: str) -> None:
    """Raises ReconcileError for inputs that are given up: they are not read again before they change."""
    known = deaths.of(previous, digest)
    if known is not None and known.too_expensive:
        raise terminal(Reason.TOO_EXPENSIVE, known.message)


def died(known: Deaths) -> ReconcileError:
    """How a reconciliation ends whose reader died: for good, or to be tried once more."""
    if known.too_expensive:
        return terminal(Reason.TOO_EXPENSIVE, known.message)
    return retryable(Reason.TOO_EXPENSIVE, f"{known.reason}; it is tried once more")


async def _placed(
    objects: Sequence[Object], namespace: str, scope: Callable[[str, str], bool | None], client: KubeClient
) -> tuple[Object, ...]:
    """Every object in its namespace; raises ReconcileError that names those of kinds that nobody knows."""
    placed: list[Object] = []
    problems: list[str] = []
    for obj in objects:
        api_version, kind = str(obj["apiVersion"]), str(obj["kind"])
        namespaced = scope(api_version.rpartition("/")[0], kind)
        if namespaced is None:
            try:
                namespaced = (await client.resource_type(api_version, kind)).namespaced
            except UnknownKindError as error:
                elsewhere = "" if problems else await _served_as(kind, client)
                problems.append(f"{kind}/{obj['metadata'].get('name')}: {error}{elsewhere}")
                continue
        placed.append(place(obj, namespace, namespaced))
    if problems:
        message = listed(problems, MAX_SHOWN, "; ")
        condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, message)
        raise terminal(Reason.OBJECT_REFUSED, message, condition, retry_after=UNWATCHED_POLL)
    return tuple(placed)


async def _served_as(kind: str, client: KubeClient) -> str:
    """Where else a kind of that name is served, such as an Ingress of a version that is gone."""
    try:
        served = await client.api_versions()
    except ApiError:
        return ""
    found = [version.rpartition("/")[0] for version in served if version.rpartition("/")[2] == kind]
    return f" It serves {kind} in {', '.join(found[:MAX_SHOWN])}" if found else ""
