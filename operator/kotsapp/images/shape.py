"""Pod specs in custom resources, found by shape: a mapping with a list of containers (``containers``,
``initContainers``, ``ephemeralContainers``) or of volumes in which something names an image."""

from collections.abc import Mapping
from typing import Any

from kotsapp.images.image_path import Path
from kotsapp.images.podspec import (
    BUILT_IN_POD_SPECS,
    CONTAINER_LISTS,
    MAX_NESTING,
    PULL_SECRETS,
    ImageUse,
    at,
    group_kind,
    is_reference,
    read_pod_spec,
)

# Policies hold container lists as patterns to compare pods with, not as images to pull.
PATTERN_GROUPS = frozenset(
    {
        "kyverno.io",
        "policies.kyverno.io",
        "constraints.gatekeeper.sh",
        "mutations.gatekeeper.sh",
        "templates.gatekeeper.sh",
    }
)
_NO_PODS = frozenset({"", "apiextensions.k8s.io", *PATTERN_GROUPS})
_NOT_SEARCHED_AT_TOP = frozenset({"apiVersion", "kind", "metadata", "status"})

# prometheus-operator's specs have imagePullSecrets beside the image, whether or not they list containers.
_SPEC_TAKES_SECRETS = frozenset(
    ("monitoring.coreos.com", kind) for kind in ("Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler")
)

# Fields of a pod spec that distinguish it from another mapping with a list of containers (for example a container set
# of Argo Workflows, whose schema has no place for a pull secret).
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
_SHAPE = frozenset({*CONTAINER_LISTS, "volumes"})


def search_custom_resource(obj: Mapping[str, Any], uses: list[ImageUse]) -> None:
    """Append the images of every pod spec in an object of no built-in kind."""
    group, kind = group_kind(obj)
    if group in _NO_PODS:
        return
    like_pod_spec = (group, kind) in _SPEC_TAKES_SECRETS
    for key, value in obj.items():
        if key not in _NOT_SEARCHED_AT_TOP:
            _search(value, (key,), like_pod_spec, uses)


def nearest_pull_secrets(obj: Mapping[str, Any], path: Path) -> Path | None:
    """The list of pull secrets of the pod spec that is nearest above an image."""
    like_pod_spec = group_kind(obj) in _SPEC_TAKES_SECRETS
    built_in = BUILT_IN_POD_SPECS.get(group_kind(obj))
    if built_in is not None:
        return (*built_in, PULL_SECRETS)
    for length in range(len(path) - 1, 0, -1):
        above = at(obj, path[:length])
        if isinstance(above, dict) and takes_pull_secrets(above, path[:length], like_pod_spec):
            return (*path[:length], PULL_SECRETS)
    return None


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
        read_pod_spec(value, path, secrets, found)
        uses.extend(use for use in found if is_reference(use.image))
    for key, child in value.items():
        if isinstance(child, (dict, list)) and isinstance(key, str) and key != "openAPIV3Schema":
            _search(child, (*path, key), False, uses)


def takes_pull_secrets(value: Mapping[str, Any], path: Path, like_pod_spec: bool) -> bool:
    """Whether a custom resource's mapping has a place for pull secrets, as far as its shape shows.

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
