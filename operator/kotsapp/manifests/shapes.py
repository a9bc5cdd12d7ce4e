"""Fields whose kind of value everything that follows relies on: refused here, where it is known where they stand.

The API server would refuse them as well, with no place, and only what gets that far.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_DEFINITION = ("spec", "spec.names", "spec.names.kind:text", "spec.group:text", "spec.scope:text")
_BINDING = ("roleRef", "roleRef.kind:text", "roleRef.name:text")
# What has to be a mapping, or a text, where it is there at all; by API group and kind.
_SHAPES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _DEFINITION,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _BINDING,
    ("rbac.authorization.k8s.io", "RoleBinding"): _BINDING,
    ("", "Secret"): ("data", "stringData", "type:text"),
}
# The kinds of Kubernetes' own groups have a mapping there, if anything.
_OWN_GROUPS_SHAPE = ("spec",)


class WrongField(NamedTuple):
    """A field's dotted path, the value ``found`` and the kind of value that is ``wanted``, in words."""

    path: str
    found: Any
    wanted: str


def wrong_field(obj: Mapping[str, Any], group: str, kind: str) -> WrongField | None:
    """The first field that has the wrong kind of value; None when none has."""
    for rule in _rules(group, kind):
        path, _, wanted = rule.partition(":")
        found: Any = obj
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None and not isinstance(found, str if wanted else dict):
            return WrongField(path, found, wanted or "mapping")
    return None


def _rules(group: str, kind: str) -> Iterator[str]:
    if "." not in group or group.endswith(".k8s.io"):
        yield from _OWN_GROUPS_SHAPE
    yield from _SHAPES.get((group, kind), ())
