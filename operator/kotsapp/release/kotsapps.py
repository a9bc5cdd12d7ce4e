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
                yield obj, f"{name(obj)}: spec.manifests[{index}] names {_advice(ref)}"


def _advice(ref: Mapping[str, Any]) -> str:
    url = str(ref.get("url", ""))[:512]
    version = str(ref.get("digest") or ref.get("version") or ref.get("tag") or "")[:256]
    return (
        f"{url}, which is not looked into here; fetch it first: kotsapp pull --license FILE {url} --version {version!r}"
        " (or helm pull, with a login of your own), and give the folder"
    )
