"""Which kinds are served, and the documents in which discovery tells it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.fakekube.schema import Type, built_in, type_of_definition

_OBJECT_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
# Kinds of which the API server counts no generations.
_WITHOUT_GENERATION: Final = frozenset(
    {
        *("ConfigMap", "Event", "Endpoints", "LimitRange", "Namespace", "Node", "PersistentVolumeClaim", "PodTemplate"),
        *("PersistentVolume", "ResourceQuota", "Secret", "ServiceAccount", "Service", "ClusterRole", "Role", "Lease"),
        *("ClusterRoleBinding", "RoleBinding", "StorageClass", "HorizontalPodAutoscaler", "RuntimeClass"),
        *("EndpointSlice", "ControllerRevision", "CSIDriver", "CSINode"),
    }
)
_VERBS: Final = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind in one version of its group. ``custom`` ones come of a definition."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    has_status: bool
    type: Type = field(repr=False)
    custom: bool = False

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def store(self) -> tuple[str, str]:
        """Where its objects are, whatever the version."""
        return self.group, self.plural

    @property
    def qualified(self) -> str:
        """As error messages name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def has_generation(self) -> bool:
        return self.custom or self.kind not in _WITHOUT_GENERATION


class Kinds:
    """All that is served now; definitions add and remove kinds."""

    def __init__(self) -> None:
        found = built_in()
        self.server_version = found.version
        self._kinds: dict[tuple[str, str], Kind] = {}
        for kind in found.kinds:
            self._add(
                Kind(
                    kind["apiVersion"],
                    kind["kind"],
                    kind["plural"],
                    kind["namespaced"],
                    kind["status"],
                    found.types.named(kind["type"]),
                )
            )

    def find(self, api_version: str, plural: str) -> Kind | None:
        return self._kinds.get((api_version, plural))

    def stored_in(self, store: tuple[str, str]) -> Kind:
        """The kind in the newest version of those that are served."""
        return [kind for kind in self._kinds.values() if kind.store == store][-1]

    def named(self, api_version: str, kind: str) -> Kind:
        """By its name; raises LookupError where it is not served."""
        for one in self._kinds.values():
            if (one.api_version, one.kind) == (api_version, kind):
                return one
        raise LookupError(f"{kind} in {api_version} is not served")

    def called(self, kind: str) -> Kind:
        """The one kind of that name; of several the built-in one in the newest version."""
        found = [one for one in self._kinds.values() if one.kind == kind]
        if not found:
            raise LookupError(f"{kind} is not served")
        return sorted(found, key=lambda one: (one.custom, one.api_version))[-1 if not found[0].custom else 0]

    def define(self, definition: Mapping[str, Any]) -> None:
        """Serve what the CustomResourceDefinition defines, and no other version of it."""
        self.undefine(definition)
        spec = definition["spec"]
        metadata = built_in().types.named(_OBJECT_META)
        for version in spec["versions"]:
            if not version.get("served", True):
                continue
            self._add(
                Kind(
                    f"{spec['group']}/{version['name']}",
                    spec["names"]["kind"],
                    spec["names"]["plural"],
                    spec["scope"] == "Namespaced",
                    "status" in (version.get("subresources") or {}),
                    type_of_definition(version["schema"]["openAPIV3Schema"], metadata),
                    custom=True,
                )
            )

    def undefine(self, definition: Mapping[str, Any]) -> None:
        store = (definition["spec"]["group"], definition["spec"]["names"]["plural"])
        self._kinds = {key: kind for key, kind in self._kinds.items() if kind.store != store}

    def document(self, path: str) -> dict[str, Any] | None:
        """The discovery document at the path; None where there is none."""
        parts = path.strip("/").split("/")
        if path == "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [self._group(g) for g in self._groups()]}
        if path == "/api/v1" or (parts[0] == "apis" and len(parts) == 3):
            return self._resources("/".join(parts[1:]))
        if parts[0] == "apis" and len(parts) == 2 and parts[1] in self._groups():
            return {"kind": "APIGroup", "apiVersion": "v1", **self._group(parts[1])}
        if path == "/version":
            return {"gitVersion": self.server_version}
        return None

    def _add(self, kind: Kind) -> None:
        self._kinds[kind.api_version, kind.plural] = kind

    def _groups(self) -> list[str]:
        return list(dict.fromkeys(kind.group for kind in self._kinds.values() if kind.group))

    def _group(self, group: str) -> dict[str, Any]:
        versions = dict.fromkeys(kind.api_version for kind in self._kinds.values() if kind.group == group)
        listed = [{"groupVersion": v, "version": v.rpartition("/")[2]} for v in sorted(versions, reverse=True)]
        return {"name": group, "versions": listed, "preferredVersion": listed[0]}

    def _resources(self, api_version: str) -> dict[str, Any] | None:
        kinds = [kind for kind in self._kinds.values() if kind.api_version == api_version]
        if not kinds:
            return None
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": api_version,
            "resources": list(_resources_of(kinds)),
        }


def _resources_of(kinds: Iterable[Kind]) -> Iterable[dict[str, Any]]:
    for kind in kinds:
        yield {"name": kind.plural, "kind": kind.kind, "namespaced": kind.namespaced, "verbs": _VERBS}
        if kind.has_status:
            name = f"{kind.plural}/status"
            yield {"name": name, "kind": kind.kind, "namespaced": kind.namespaced, "verbs": ["get", "patch", "update"]}
