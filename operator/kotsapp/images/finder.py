"""Every image of a Kubernetes object, with its place and the list that takes its pull secret.

Built-in workloads are read where their API puts the pod spec, custom resources are searched by shape; then come the
paths that somebody names, and those that are known of popular custom resources.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kotsapp.images import image_path
from kotsapp.images.image_path import ImagePath, Path, hits
from kotsapp.images.known_paths import KNOWN_PATHS, KnownPath
from kotsapp.images.podspec import (
    PULL_SECRETS,
    ImageUse,
    at,
    built_in_pod_spec_path,
    group_kind,
    is_reference,
    read_pod_spec,
    workloads,
)
from kotsapp.images.shape import nearest_pull_secrets, search_custom_resource

# By either of these Istio's webhook puts its own image in the place of "auto".
_INJECTED = "inject.istio.io/templates", "sidecar.istio.io/inject"
_FILLED_IN_BY_INJECTION = "auto"


def find_images(obj: Any, image_paths: Sequence[ImagePath] = ()) -> list[ImageUse]:
    """Every image of an object, a list's items included, in the order in which they stand. Never raises."""
    uses: list[ImageUse] = []
    for prefix, item in workloads(obj):
        for use in images_of(item, image_paths):
            if prefix:
                secrets = tuple(prefix + one for one in use.pull_secrets)
                uses.append(use._replace(path=prefix + use.path, pull_secrets=secrets))
            else:
                uses.append(use)
    return uses


def unmatched(objects: Sequence[Mapping[str, Any]], image_paths: Sequence[ImagePath]) -> list[ImagePath]:
    """The paths at which none of the objects has an image: misspelled, most likely."""
    left = list(image_paths)
    for obj in objects:
        if not left:
            break
        for _, item in workloads(obj):
            left = [path for path in left if not (path.matches(*group_kind(item)) and any(hits(item, path.steps)))]
    return left


def images_of(obj: Mapping[str, Any], image_paths: Sequence[ImagePath] = ()) -> list[ImageUse]:
    """Every image of one object that is not a list."""
    group, kind = group_kind(obj)
    uses: list[ImageUse] = []
    built_in = built_in_pod_spec_path(obj)
    if built_in is not None:
        spec = at(obj, built_in)
        if isinstance(spec, dict):
            read_pod_spec(spec, built_in, (*built_in, PULL_SECRETS), uses)
    else:
        search_custom_resource(obj, uses)
    for wanted in image_paths:
        if wanted.matches(group, kind):
            _read_image_path(obj, wanted, uses)
    for known in KNOWN_PATHS.get((group, kind), ()):
        _read_known_path(obj, known, uses)
    uses = [use for use in uses if use.image != _FILLED_IN_BY_INJECTION or not _is_injected(obj, use.path)]
    return _with_distinct_names(uses) if len(uses) > 1 else uses


def _is_injected(obj: Mapping[str, Any], path: Path) -> bool:
    """Whether the pod template that the path leads through asks Istio for a sidecar."""
    above = [at(obj, path[:length]) for length in range(len(path))]
    for metadata in (value.get("metadata") for value in above if isinstance(value, Mapping)):
        for field in ("annotations", "labels"):
            found = metadata.get(field) if isinstance(metadata, Mapping) else None
            if isinstance(found, Mapping) and any(found.get(name) not in (None, "false") for name in _INJECTED):
                return True
    return False


def _read_image_path(obj: Mapping[str, Any], wanted: ImagePath, uses: list[ImageUse]) -> None:
    known = {use.path for use in uses}
    for path, image in image_path.hits(obj, wanted.steps):
        if path not in known:
            secrets = wanted.pull_secret_steps or nearest_pull_secrets(obj, path)
            uses.append(ImageUse(image, image_path.dotted(path), path, () if secrets is None else (secrets,)))


def _read_known_path(obj: Mapping[str, Any], known: KnownPath, uses: list[ImageUse]) -> None:
    """What is no reference there, such as a pattern, is left alone."""
    places = {use.path for use in uses}
    for path, image in image_path.hits(obj, known.path.steps):
        if path not in places and is_reference(image):
            use = ImageUse(image, image_path.dotted(path), path, known.secret_lists(obj))
            uses.append(use._replace(otherwise=known.otherwise) if known.otherwise else use)


def _with_distinct_names(uses: list[ImageUse]) -> list[ImageUse]:
    """Tell containers of one name apart by their pod specs, and within one pod spec (an invalid one) by their place."""
    times = Counter(use.container for use in uses)
    if len(times) == len(uses):
        return uses
    longer = [
        f"{image_path.dotted(_owner(use.path))}/{use.container}" if times[use.container] > 1 else use.container
        for use in uses
    ]
    times = Counter(longer)
    return [
        use._replace(container=name if times[name] == 1 else image_path.dotted(use.path))
        for use, name in zip(uses, longer, strict=True)
    ]


def _owner(path: Path) -> Path:
    """The pod spec's place, from the place of a container's image or of an image volume's reference."""
    return path[:-4] if path[-1] == "reference" else path[:-3]
