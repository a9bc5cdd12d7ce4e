"""The release's objects: read from its files, charts rendered, each put into its namespace."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from kotsapp.api.conditions import WORKLOADS_APPLIED, Condition, Reason
from kotsapp.api.spec import Spec
from kotsapp.images.routing import Domains
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.license import License
from kotsapp.license.domains import resolve_domains
from kotsapp.manifests.errors import ManifestError
from kotsapp.pullsecret import default_name, dockerconfigjson
from kotsapp.reconcile.app import App, Memory
from kotsapp.reconcile.outcome import UNWATCHED_POLL, stop
from kotsapp.reconcile.plan import MAX_SHOWN, Object, place, scope_in
from kotsapp.reconcile.services import Services
from kotsapp.release import helm
from kotsapp.release.helm import Cluster, HelmError, HelmMissingError
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, with_charts
from kotsapp.release.reader import read_release as read_files
from kotsapp.release.templates import TemplateContext, license_fields


def secret_name(spec: Spec, license_: License) -> str:
    return spec.pull_secret or default_name(license_.app_slug)


def domains(spec: Spec, license_: License, application: Application) -> Domains:
    return resolve_domains(
        spec_proxy=spec.proxy.domain,
        spec_registry=spec.proxy.registry_domain,
        application_proxy=application.proxy_domain,
        application_registry=application.registry_domain,
        license_proxy=license_.proxy_domain,
    )


async def read_release(
    app: App,
    spec: Spec,
    license_: License,
    files: Sequence[SourceFile],
    local_images: Mapping[str, str],
    memory: Memory,
    services: Services,
) -> Release:
    """The release, its template calls filled in; ``local_images`` are what ``LocalImageName`` answers.

    Raises Halt for what can't be read, naming the source, the document and the line. While a rollout is watched
    the same files are not read again for each look.
    """
    fingerprint = _fingerprint(app, license_, files, local_images)
    if memory.release is not None and memory.release[0] == fingerprint:
        return memory.release[1]

    def context(application: Application) -> TemplateContext:
        chosen = domains(spec, license_, application)
        return TemplateContext(
            license_fields=license_fields(license_),
            docker_config=base64.b64encode(dockerconfigjson(license_.license_id, chosen)).decode(),
            pull_secret=secret_name(spec, license_),
            namespace=app.namespace,
            domains=chosen,
            local_images=local_images,
        )

    try:
        # A thread, because megabytes of YAML take a while, and other apps go on meanwhile.
        release = await asyncio.to_thread(read_files, files, context, patch_helm_v2=spec.patch_helm_v2)
        release = await _with_charts(release, app, services)
    except (ManifestError, HelmError) as error:
        raise stop(Reason.INVALID_MANIFEST, str(error)) from None
    except HelmMissingError as error:
        raise stop(Reason.HELM_MISSING, str(error)) from None
    if release.is_empty:
        raise stop(Reason.INVALID_MANIFEST, release.nothing_found(files))
    scope = scope_in(release.objects)
    release = replace(release, objects=await _placed(release.objects, app, scope, services.client))
    memory.release = (fingerprint, release)
    return release


async def _with_charts(release: Release, app: App, services: Services) -> Release:
    if not release.charts:
        return release
    program = helm.find_program(str(services.settings.helm) if services.settings.helm else None)
    cluster = Cluster(services.client.server_version, tuple(await services.client.api_versions()))
    return with_charts(release, await helm.render_all(release.charts, program, app.namespace, cluster))


async def _placed(
    objects: Sequence[Object], app: App, scope: Callable[[str, str], bool | None], client: KubeClient
) -> tuple[Object, ...]:
    """Every object in its namespace; raises Halt that names those of kinds that nobody knows."""
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
        placed.append(place(obj, app.namespace, namespaced))
    if problems:
        more = f"; and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
        message = "; ".join(problems[:MAX_SHOWN]) + more
        condition = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, message)
        raise stop(Reason.OBJECT_REFUSED, message, condition, retry_after=UNWATCHED_POLL)
    return tuple(placed)


async def _served_as(kind: str, client: KubeClient) -> str:
    """Where else a kind of that name is served, such as an Ingress of a version that is gone."""
    try:
        served = await client.api_versions()
    except ApiError:
        return ""
    found = [version.rpartition("/")[0] for version in served if version.rpartition("/")[2] == kind]
    return f" It serves {kind} in {', '.join(found[:MAX_SHOWN])}" if found else ""


def _fingerprint(app: App, license_: License, files: Sequence[SourceFile], local_images: Mapping[str, str]) -> bytes:
    """Of everything that a release is read from."""
    parts = hashlib.blake2b(digest_size=16)
    for part in _parts(app, license_, files, local_images):
        parts.update(len(part).to_bytes(8, "big") + part)
    return parts.digest()


def _parts(
    app: App, license_: License, files: Sequence[SourceFile], local_images: Mapping[str, str]
) -> Iterator[bytes]:
    yield str(app.generation).encode()
    yield license_.license_id.encode()
    yield repr(license_).encode()
    for file in files:
        yield file.origin.encode()
        yield file.data
    for name, pulled in sorted(local_images.items()):
        yield name.encode()
        yield pulled.encode()
