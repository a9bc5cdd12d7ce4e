"""The release's objects: read from its files, charts rendered, each put into its namespace."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from kotsapp.api.conditions import WORKLOADS_APPLIED, Condition, Reason
from kotsapp.api.spec import Spec
from kotsapp.fair_queue import Tenant
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError
from kotsapp.pullsecret import default_name
from kotsapp.reconcile.app import App
from kotsapp.reconcile.known_secrets import helm_without_secrets, without_secrets
from kotsapp.reconcile.lookup_server import Looker, LookupServer
from kotsapp.reconcile.outcome import UNWATCHED_POLL, ReconcileError, retryable, terminal
from kotsapp.reconcile.plan import MAX_SHOWN, Object, place, scope_in
from kotsapp.reconcile.shares import Share, Size
from kotsapp.release import deaths
from kotsapp.release.config_result import ConfigIncompleteError
from kotsapp.release.config_values import Answers
from kotsapp.release.context import ClusterFacts, ReleaseVersion, distribution_of
from kotsapp.release.deaths import Deaths
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.helm import Cluster
from kotsapp.release.jobs import ChartInputs, Content, Inputs
from kotsapp.release.process import Job, Reader, ReaderDiedError, Result
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.remote_lookups import RemoteLookups
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import Packed, StoredRelease, StoredReleaseError
from kotsapp.release.upgrade import Past
from kotsapp.text import listed

# The module of what is done in a reader's child.
RENDER_JOBS = "kotsapp.release.jobs"

Routes = TypeVar("Routes")


def secret_name(spec: Spec, license: License) -> str:
    """The pull secret's name: the spec's, else the vendor's usual one."""
    return spec.pull_secret or default_name(license.app_slug)


def renderer_for(
    app: App, spec: Spec, license: License, answers: Answers, version: ReleaseVersion, helm: Path | None
) -> Renderer:
    """The renderer of this app's release; ``answers`` are to its Config, ``version`` is which release of its channel it
    is, ``helm`` the administrator's choice of program."""
    return Renderer(
        license=license,
        pull_secret=secret_name(spec, license),
        namespace=app.namespace,
        instance=app.uid,
        proxy_domain=spec.proxy.domain,
        registry_domain=spec.proxy.registry_domain,
        patch_helm_v2=spec.patch_helm_v2,
        helm=str(helm) if helm else None,
        answers=answers,
        version=version,
    )


@dataclass(frozen=True, slots=True)
class Before:
    """What charts may know of the cluster as it is: ``past_of`` says by a chart's key what it was before,
    ``looker`` as whom it looks up."""

    past_of: Callable[[str], Past | None]
    looker: Callable[[], Awaitable[Looker]]


@dataclass(frozen=True, slots=True)
class ReaderFor:
    """A reader for one app's inputs, which ``digest`` identifies; ``suspect`` ones are read after all others.

    What it makes of them is counted in the ``share`` before it is looked into, which raises LargerError.
    """

    reader: Reader
    tenant: Tenant
    digest: str
    suspect: bool = False
    share: Share = field(default_factory=lambda: Share(Size.LARGE))

    async def render(self, inputs: Inputs, charts: ChartInputs | None = None, *ports: int) -> Release:
        """``ports`` of this machine are what charts may connect to."""
        job = Job("render", (inputs, charts), Release, charts=charts is not None, ports=ports)
        return await self._run(job, self.share.hold_rendering)

    async def stored(self, packed: Packed) -> StoredRelease:
        """A release that was rendered before. Raises StoredReleaseError."""
        try:
            return await self._run(Job("stored", (packed,), StoredRelease), self.share.hold)
        except ReaderDiedError as error:
            raise StoredReleaseError(f"Secret {packed.name} can't be read: {error}") from None

    async def content(self, files: Sequence[SourceFile]) -> Content:
        """What the files hold. Raises ManifestError and ReaderDiedError."""
        return await self._run(Job("content", (tuple(files),), Content))

    async def _run(self, job: Job[Result], weigh: Callable[[int], None] | None = None) -> Result:
        return await self.reader.run(
            job, tenant=self.tenant, fingerprint=self.digest, suspect=self.suspect, weigh=weigh
        )


async def render(inputs: Inputs, reader: ReaderFor, before: Before, client: KubeClient) -> Release:
    """The release, its template calls filled in and its objects placed.

    Raises ReconcileError for what can't be read, naming the source, the document and the line; ApiError;
    ConfigIncompleteError and ReaderDiedError.
    """
    try:
        cluster = ClusterFacts(client.server_version, distribution_of(client.server_version))
        inputs = replace(inputs, renderer=replace(inputs.renderer, cluster=cluster), files=tuple(inputs.files))
        release = await reader.render(inputs)
        if release.asks_for_nodes and (nodes := await _count_nodes(client)):
            renderer = replace(inputs.renderer, cluster=cluster._replace(nodes=nodes))
            inputs = replace(inputs, renderer=renderer)
            release = await reader.render(inputs)
        if release.charts:
            release = await _with_charts(replace(inputs, kept=release.drawn), release, reader, before, client)
    except ConfigIncompleteError:
        raise
    except ManifestError as error:
        raise terminal(Reason.INVALID_MANIFEST, without_secrets(error)) from None
    except HelmError as error:
        raise terminal(Reason.INVALID_MANIFEST, helm_without_secrets(error, inputs.files)) from None
    except HelmMissingError as error:
        raise terminal(Reason.HELM_MISSING, str(error)) from None
    if release.is_empty:
        raise terminal(Reason.INVALID_MANIFEST, release.nothing_found(inputs.files))
    scope = scope_in(release.objects)
    return replace(release, objects=await _placed(release.objects, inputs.renderer.namespace, scope, client))


async def render_for_routes(
    inputs: Inputs,
    render: Callable[[Inputs], Awaitable[Release]],
    route: Callable[[Release], Awaitable[Routes]],
    local_images: Callable[[Release, Routes], Mapping[str, str]],
) -> tuple[Release, Routes, Mapping[str, str]]:
    """The release, the routes of its images, and what its calls of ``LocalImageName`` were answered (DESIGN 6.3).

    Which references those calls ask for shows in the first rendering, and from where pods pull them once they have
    routes: where that is another place than is written, it is rendered once more, with what was drawn the first time.
    """
    release = await render(inputs)
    routes = await route(release)
    answers = local_images(release, routes)
    if any(image != reference for image, reference in answers.items()):
        release = await render(replace(inputs, local_images=answers, kept=release.drawn))
        routes = await route(release)
    return release, routes, answers


def after_death(previous: Deaths | None, digest: str, error: ReaderDiedError) -> Deaths:
    """What is remembered of inputs whose reader died."""
    return deaths.one_more(previous, digest, str(error))


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


async def _count_nodes(client: KubeClient) -> int:
    """How many nodes there are, 0 where the operator may not know: it has no such right unless it is given one."""
    try:
        pages = client.pages(await client.resource_type("v1", "Node"), metadata_only=True)
        return sum([len(page.items) async for page in pages])
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return 0
        raise


async def _with_charts(
    inputs: Inputs, release: Release, reader: ReaderFor, before: Before, client: KubeClient
) -> Release:
    cluster = Cluster(client.server_version, tuple(await client.api_versions()))
    pasts = {request.key: before.past_of(request.key) for request in release.charts}
    if not any(request.looks_up for request in release.charts):
        return await reader.render(inputs, ChartInputs(cluster, pasts))
    lookups = LookupServer(await before.looker(), cluster.version, cluster.api_versions)
    async with lookups.serving():
        remote = RemoteLookups(lookups.url, lookups.port)
        try:
            return await reader.render(inputs, ChartInputs(replace(cluster, lookups=remote), pasts), lookups.port)
        except HelmError as error:
            if lookups.failure is not None:
                raise lookups.failure from None
            if lookups.refused:  # nothing shows when a right is granted
                raise terminal(Reason.INVALID_MANIFEST, str(error), retry_after=UNWATCHED_POLL) from None
            raise


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
