"""What a set of objects brings along, and which of them the API server can't judge before that is there. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.kube.objects import ObjectKey, key_of

Object = Mapping[str, Any]

_RBAC = "rbac.authorization.k8s.io"
_SCHEDULING, _NODE = "scheduling.k8s.io", "node.k8s.io"


@dataclass(frozen=True, slots=True)
class Provided:
    """``kinds`` are (group, kind) pairs that the definitions among the objects define."""

    kinds: frozenset[tuple[str, str]]
    identities: frozenset[tuple[str, str, str, str]]

    @classmethod
    def by(cls, objects: Iterable[Object]) -> "Provided":
        objects = list(objects)
        return cls(
            frozenset(defined(obj) for obj in objects if obj["kind"] == "CustomResourceDefinition"),
            frozenset(key_of(obj).identity for obj in objects),
        )

    def is_needed_by(self, obj: Object) -> bool:
        """Whether the object is refused as long as something that comes with it is not there."""
        return any(need in self.identities for need in _needs(obj))


def defined(crd: Object) -> tuple[str, str]:
    """The (group, kind) that a CustomResourceDefinition defines."""
    spec = crd.get("spec") or {}
    return str(spec.get("group") or ""), str((spec.get("names") or {}).get("kind") or "")


def _needs(obj: Object) -> Iterable[tuple[str, str, str, str]]:
    key = key_of(obj)
    if key.namespace:
        yield "", "Namespace", "", key.namespace
    if key.group_kind == ("", "Pod"):
        yield from _needs_of_pod(key, obj.get("spec") or {})
    if key.group == _RBAC and key.kind.endswith("Binding"):
        role = obj.get("roleRef") or {}
        namespace = key.namespace if role.get("kind") == "Role" else ""
        yield _RBAC, str(role.get("kind")), namespace, str(role.get("name"))


def _needs_of_pod(key: ObjectKey, spec: Mapping[str, Any]) -> Iterable[tuple[str, str, str, str]]:
    """Pods that a controller makes are judged when it makes them; a bare one is judged at once."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    for group, kind, namespace, name in (
        ("", "ServiceAccount", key.namespace, account),
        (_SCHEDULING, "PriorityClass", "", spec.get("priorityClassName")),
        (_NODE, "RuntimeClass", "", spec.get("runtimeClassName")),
    ):
        if name:
            yield group, kind, namespace, str(name)
