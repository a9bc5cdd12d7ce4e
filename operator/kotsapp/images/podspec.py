"""Every image of a Kubernetes object, with its place and the list that takes its pull secret.

Built-in workloads are read where their API puts the pod spec. Custom resources are searched by shape: a mapping is a
pod spec if it has a list of containers (``containers``, ``initContainers``, ``ephemeralContainers``) or of volumes in
which something names an image.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kotsapp.images import image_path
from kotsapp.images.image_path import ImagePath, Path, hits
from kotsapp.images.known_paths import KNOWN_PATHS
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

# Policies hold container lists as patterns to compare pods with, not as images to pull.
_PATTERN_GROUPS = frozenset(
    {
        "kyverno.io",
        "policies.kyverno.io",
        "constraints.gatekeeper.sh",
        "mutations.gatekeeper.sh",
        "templates.gatekeeper.sh",
    }
)
_NO_PODS = frozenset({"", "apiextensions.k8s.io", *_PATTERN_GROUPS})
_NOT_SEARCHED_AT_TOP = frozenset({"apiVersion", "kind", "metadata", "status"})

# By either of these Istio's webhook puts its own image in the place of "auto".
_INJECTED = "inject.istio.io/templates", "sidecar.istio.io/inject"
_FILLED_IN_BY_INJECTION = "auto"

# prometheus-operator's specs have imagePullSecrets beside the image, whether or not they list containers.
_SPEC_TAKES_SECRETS = frozenset(
    ("monitoring.coreos.com", kind) for kind in ("Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler")
)

# Fields of a pod spec that tell it from another mapping with a list of containers (for example a container set of
# Argo Workflows, whose schema has no place for a pull secret).
_POD_SPEC_FIELDS = frozenset(
    {
        "activeDeadlineSeconds",
        "affinity",
        "automountServiceAccountToken",
        "dnsPolicy",
        "hostNetwork",
        "nodeName",
        "nodeSelector",
        "priorityClassName",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    }
)


@dataclass(frozen=True, slots=True)
class ImageUse:
    """One place that names an image.

    ``container`` identifies it inside its workload: the container's name, ``volumes/<name>`` for an image volume, the
    dotted path for an image outside pod specs; where two of one object would be the same, the pod spec's path and a
    slash come first. ``path`` is where the reference stands in the object. ``pull_secrets`` is where the list is that
    takes the pull secret, None if the object has no place for one.
    """

    image: str
    container: str
    path: Path
    pull_secrets: Path | None


def find_images(obj: Any, image_paths: Sequence[ImagePath] = ()) -> list[ImageUse]:
    """Every image of an object, a list's items included, in the order in which they stand. Never raises."""
    uses: list[ImageUse] = []
    for prefix, item in workloads(obj):
        for use in images_of(item, image_paths):
            if prefix:
                secrets = None if use.pull_secrets is None else prefix + use.pull_secrets
                uses.append(replace(use, path=prefix + use.path, pull_secrets=secrets))
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


def images_of(obj: Mapping[str, Any], image_paths: Sequence[ImagePath] = ()) -> list[ImageUse]:
    """Every image of one object that is no list."""
    group, kind = group_kind(obj)
    uses: list[ImageUse] = []
    built_in = BUILT_IN_POD_SPECS.get((group, kind))
    if built_in is not None:
        spec = _at(obj, built_in)
        if isinstance(spec, dict):
            _read_pod_spec(spec, built_in, (*built_in, PULL_SECRETS), uses)
    elif group not in _NO_PODS:
        like_pod_spec = (group, kind) in _SPEC_TAKES_SECRETS
        for key, value in obj.items():
            if key not in _NOT_SEARCHED_AT_TOP:
                _search(value, (key,), like_pod_spec, uses)
    for wanted in image_paths:
        if wanted.matches(group, kind):
            _read_image_path(obj, wanted, (group, kind) in _SPEC_TAKES_SECRETS, uses)
    for wanted in KNOWN_PATHS.get((group, kind), ()):
        found: list[ImageUse] = []
        _read_image_path(obj, wanted, False, found)
        places = {use.path for use in uses}
        uses += [use for use in found if use.path not in places and _is_reference(use.image)]
    uses = [use for use in uses if use.image != _FILLED_IN_BY_INJECTION or not _is_injected(obj, use.path)]
    return _with_distinct_names(uses) if len(uses) > 1 else uses


def _is_injected(obj: Mapping[str, Any], path: Path) -> bool:
    """Whether the pod template that the path leads through asks Istio for a sidecar."""
    above = [_at(obj, path[:length]) for length in range(len(path))]
    for metadata in (value.get("metadata") for value in above if isinstance(value, Mapping)):
        for field in ("annotations", "labels"):
            found = metadata.get(field) if isinstance(metadata, Mapping) else None
            if isinstance(found, Mapping) and any(found.get(name) not in (None, "false") for name in _INJECTED):
                return True
    return False


def group_kind(obj: Mapping[str, Any]) -> tuple[str, str]:
    """The API group (empty for the core group) and the kind; empty where the object has none."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    return group, kind if isinstance(kind, str) else ""


def _read_pod_spec(spec: Mapping[str, Any], path: Path, secrets: Path | None, uses: list[ImageUse]) -> None:
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
        uses.append(ImageUse(image, f"{prefix}{name}" if named else image_path.dotted(path), path, secrets))


def _search(value: Any, path: Path, like_pod_spec: bool, uses: list[ImageUse]) -> None:
    """Look for pod specs by shape. What is no reference there (a template, a pattern) is no image and left alone."""
    if len(path) > MAX_NESTING:
        return
    if isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, (dict, list)):
                _search(child, (*path, index), False, uses)
        return
    if not isinstance(value, dict) or value.get("kind") == "CustomResourceDefinition":
        return
    if not _SHAPE.isdisjoint(value):
        found: list[ImageUse] = []
        secrets = (*path, PULL_SECRETS) if takes_pull_secrets(value, path, like_pod_spec) else None
        _read_pod_spec(value, path, secrets, found)
        uses.extend(use for use in found if _is_reference(use.image))
    for key, child in value.items():
        if isinstance(child, (dict, list)) and isinstance(key, str) and key != "openAPIV3Schema":
            _search(child, (*path, key), False, uses)


_SHAPE = frozenset({*CONTAINER_LISTS, "volumes"})


def takes_pull_secrets(value: Mapping[str, Any], path: Path, like_pod_spec: bool) -> bool:
    """Whether a custom resource's mapping has a place for pull secrets, as far as its shape tells.

    An API server refuses an applied field that the resource's schema doesn't have, so when in doubt the answer is no.
    """
    if (like_pod_spec and path == ("spec",)) or PULL_SECRETS in value:
        return True
    key = str(path[-1]).lower()
    above = str(path[-2]).lower() if len(path) > 1 else ""
    if key.endswith(("podspec", "pod")) or (key == "spec" and above.endswith("template")):
        return True
    has_containers = isinstance(value.get("containers"), list)
    return has_containers and (key.endswith("spec") or not _POD_SPEC_FIELDS.isdisjoint(value))


def _read_image_path(obj: Mapping[str, Any], wanted: ImagePath, like_pod_spec: bool, uses: list[ImageUse]) -> None:
    known = {use.path for use in uses}
    for path, image in image_path.hits(obj, wanted.steps):
        if path not in known:
            secrets = wanted.pull_secret_steps or _nearest_pull_secrets(obj, path, like_pod_spec)
            uses.append(ImageUse(image, image_path.dotted(path), path, secrets))


def _nearest_pull_secrets(obj: Mapping[str, Any], path: Path, like_pod_spec: bool) -> Path | None:
    built_in = BUILT_IN_POD_SPECS.get(group_kind(obj))
    if built_in is not None:
        return (*built_in, PULL_SECRETS)
    for length in range(len(path) - 1, 0, -1):
        above = _at(obj, path[:length])
        if isinstance(above, dict) and takes_pull_secrets(above, path[:length], like_pod_spec):
            return (*path[:length], PULL_SECRETS)
    return None


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
        replace(use, container=name if times[name] == 1 else image_path.dotted(use.path))
        for use, name in zip(uses, longer, strict=True)
    ]


def _owner(path: Path) -> Path:
    """The pod spec's place, from the place of a container's image or of an image volume's reference."""
    return path[:-4] if path[-1] == "reference" else path[:-3]


def _at(value: Any, path: Path) -> Any:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _is_reference(text: str) -> bool:
    try:
        parse(text)
    except InvalidReferenceError:
        return False
    return True


def built_in_pod_spec(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod spec of a built-in workload kind, None for every other object."""
    path = built_in_pod_spec_path(obj)
    spec = None if path is None else _at(obj, path)
    return spec if isinstance(spec, dict) else None


def built_in_pod_spec_path(obj: Mapping[str, Any]) -> Path | None:
    """Where the API of a built-in workload kind has its pod spec, None for every other object."""
    return BUILT_IN_POD_SPECS.get(group_kind(obj))
