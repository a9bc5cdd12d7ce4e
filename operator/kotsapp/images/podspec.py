"""Pod specs of built-in workloads, where their API puts them, and the images that a pod spec names."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kotsapp.images import image_path
from kotsapp.images.image_path import Path
from kotsapp.images.reference import InvalidReferenceError, parse

# No known resource nests deeper than about 40; the bound keeps the search from exhausting the stack.
MAX_NESTING = 128

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
PULL_SECRETS = "imagePullSecrets"

_TEMPLATE = ("spec", "template", "spec")
# Where the API of a built-in kind has its pod spec.
BUILT_IN_POD_SPECS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): ("spec",),
    ("", "PodTemplate"): ("template", "spec"),
    ("", "ReplicationController"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", *_TEMPLATE),
    **{
        (group, kind): _TEMPLATE
        for group in ("apps", "extensions")
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
    },
}


class ImageUse(NamedTuple):
    """One place that names an image.

    ``container`` identifies it inside its workload: the container's name, ``volumes/<name>`` for an image volume, the
    dotted path for an image outside pod specs; where two of one object would be the same, the pod spec's path and a
    slash come first. ``path`` is where the reference stands in the object. ``pull_secrets`` is where the lists are that
    take the pull secret: one, but for a resource that makes several kinds of pods; none if the object has no place for
    it, and ``otherwise`` is how its pods may get it then.
    """

    image: str
    container: str
    path: Path
    pull_secrets: tuple[Path, ...] = ()
    otherwise: str = "add it to their ServiceAccount"


def group_kind(obj: Mapping[str, Any]) -> tuple[str, str]:
    """The API group (empty for the core group) and the kind; empty where the object has none."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    return group, kind if isinstance(kind, str) else ""


def built_in_pod_spec(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod spec of a built-in workload kind, None for every other object."""
    path = built_in_pod_spec_path(obj)
    spec = None if path is None else at(obj, path)
    return spec if isinstance(spec, dict) else None


def built_in_pod_spec_path(obj: Mapping[str, Any]) -> Path | None:
    """Where the API of a built-in workload kind has its pod spec, None for every other object."""
    return BUILT_IN_POD_SPECS.get(group_kind(obj))


def workloads(obj: Any, prefix: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The object itself, or what a ``List`` (or a typed list such as ``DeploymentList``) holds, with its place."""
    if not isinstance(obj, dict):
        return
    kind, items = obj.get("kind"), obj.get("items")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        yield prefix, obj
        return
    if len(prefix) >= MAX_NESTING:
        return
    for index, item in enumerate(items):
        if isinstance(item, dict) and "kind" not in item:
            item = {"apiVersion": obj.get("apiVersion"), "kind": kind[: -len("List")], **item}
        yield from workloads(item, (*prefix, "items", index))


def read_pod_spec(spec: Mapping[str, Any], path: Path, secrets: Path | None, uses: list[ImageUse]) -> None:
    """Append what the pod spec at ``path`` names; ``secrets`` is its list of pull secrets."""
    for field in CONTAINER_LISTS:
        containers = spec.get(field)
        if isinstance(containers, list):
            for index, container in enumerate(containers):
                if isinstance(container, dict):
                    place = (*path, field, index, "image")
                    _add(container.get("image"), container.get("name"), "", place, secrets, uses)
    volumes = spec.get("volumes")
    if isinstance(volumes, list):
        for index, volume in enumerate(volumes):
            source = volume.get("image") if isinstance(volume, dict) else None
            if isinstance(source, dict):
                place = (*path, "volumes", index, "image", "reference")
                _add(source.get("reference"), volume.get("name"), "volumes/", place, secrets, uses)


def _add(image: Any, name: Any, prefix: str, path: Path, secrets: Path | None, uses: list[ImageUse]) -> None:
    if isinstance(image, str) and image:
        named = isinstance(name, str) and name
        lists = () if secrets is None else (secrets,)
        uses.append(ImageUse(image, f"{prefix}{name}" if named else image_path.dotted(path), path, lists))


def at(value: Any, path: Path) -> Any:
    """What stands at the path; None where it leads nowhere."""
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def is_reference(text: str) -> bool:
    try:
        parse(text)
    except InvalidReferenceError:
        return False
    return True
