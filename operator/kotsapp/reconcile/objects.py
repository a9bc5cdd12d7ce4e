"""The release's objects, read from its files and put into their namespaces."""

from collections.abc import Sequence
from dataclasses import replace

from kotsapp.cluster.errors import UnknownKindError
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError
from kotsapp.manifests.release import Release, SourceFile
from kotsapp.manifests.release import read_release as read_files
from kotsapp.reconcile.app import App
from kotsapp.reconcile.halt import stop
from kotsapp.reconcile.plan import Object, place, scope_in
from kotsapp.reconcile.services import Services
from kotsapp.resource.conditions import Reason
from kotsapp.resource.spec import Spec


async def read_release(
    app: App, spec: Spec, license_: License, files: Sequence[SourceFile], services: Services
) -> Release:
    """Raises Halt for what can't be read, naming the source, the document and the line."""
    try:
        release = read_files(files)
    except ManifestError as error:
        raise stop(Reason.INVALID_MANIFEST, str(error)) from None
    if not release.objects:
        origins = ", ".join(file.origin for file in files[:5])
        raise stop(Reason.INVALID_MANIFEST, f"{origins}: no Kubernetes object found; put the app's manifests there")
    return replace(release, objects=tuple([await _placed(obj, app, release, services) for obj in release.objects]))


async def _placed(obj: Object, app: App, release: Release, services: Services) -> Object:
    group = str(obj["apiVersion"]).rpartition("/")[0]
    namespaced = scope_in(release.objects)(group, str(obj["kind"]))
    if namespaced is None:
        try:
            kind = await services.client.resource_type(str(obj["apiVersion"]), str(obj["kind"]))
        except UnknownKindError as error:
            name = f"{obj['kind']}/{obj['metadata'].get('name')}"
            raise stop(Reason.OBJECT_REFUSED, f"{name}: {error}") from None
        namespaced = kind.namespaced
    return place(obj, app.namespace, namespaced)
