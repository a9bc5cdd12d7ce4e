"""KotsApps among manifests, for whoever reads them as files: nothing that they name in registries is fetched there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kotsapp.images.podspec import group_kind
from kotsapp.names import GROUP, KIND
from kotsapp.release.annotations import name


def not_fetched(objects: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each ``ociRef`` of a KotsApp, as the object and what to do about it."""
    for obj in objects:
        if group_kind(obj) != (GROUP, KIND):
            continue
        spec = obj.get("spec")
        items = spec.get("manifests") if isinstance(spec, Mapping) else None
        for index, item in enumerate(items if isinstance(items, list) else ()):
            ref = item.get("ociRef") if isinstance(item, Mapping) else None
            if isinstance(ref, Mapping):
                yield obj, f"{name(obj)}: spec.manifests[{index}] names {_told(ref)}"


def _told(ref: Mapping[str, Any]) -> str:
    url, digest = str(ref.get("url", ""))[:512], ref.get("digest")
    which = f"@{digest}" if digest else f" --version {str(ref.get('version') or ref.get('tag') or '')[:256]!r}"
    return (
        f"{url}, which is fetched in the cluster alone, and not looked into here; to have it here, too: helm pull"
        f" {url}{which}, and give the .tgz with its HelmChart document (at the vendor's registry, helm registry login"
        " with user LICENSE_ID and the license id as password)"
    )
