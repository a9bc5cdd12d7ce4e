"""What the API server finds invalid, as far as tests need it: names, required fields, fields that can't change."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.fakekube.schema import ANY, Type

Cause = tuple[str, str, str]  # reason, field, message

INVALID, REQUIRED, FORBIDDEN, UNSUPPORTED, TYPE = (
    "FieldValueInvalid",
    "FieldValueRequired",
    "FieldValueForbidden",
    "FieldValueNotSupported",
    "FieldValueTypeInvalid",
)
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FREE_NAMES: Final = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_NAME_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_CLAIM_RULE: Final = (
    "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound"
    " claims"
)
_SET_MAY_CHANGE: Final = frozenset(
    {
        *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
        *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
    }
)
_IMMUTABLE: Final = {
    "Deployment": (("spec", "selector"),),
    "DaemonSet": (("spec", "selector"),),
    "ReplicaSet": (("spec", "selector"),),
    "Job": (("spec", "selector"), ("spec", "template"), ("spec", "completionMode")),
    "Secret": (("type",),),
}


def causes(obj: Mapping[str, Any], old: Mapping[str, Any] | None, type_: Type, *, custom: bool) -> list[Cause]:
    """Why the object can't be; ``old`` is what is there, None when nothing is."""
    found = list(_of_name(obj)) if old is None else []
    if custom:
        return [*found, *_of_schema(obj, type_, "")]
    found += _of_kind(obj)
    if old is not None:
        found += _of_change(obj, old, type_)
    return found


def _of_name(obj: Mapping[str, Any]) -> Iterator[Cause]:
    name = str(obj["metadata"].get("name") or "")
    if not name:
        yield REQUIRED, "metadata.name", "Required value: name or generateName is required"
    elif obj["kind"] not in _FREE_NAMES and not _SUBDOMAIN.fullmatch(name):
        yield INVALID, "metadata.name", f'Invalid value: "{name}": {_NAME_RULE}'


def _of_kind(obj: Mapping[str, Any]) -> Iterator[Cause]:
    kind, spec = obj["kind"], obj.get("spec") or {}
    if kind in ("Deployment", "StatefulSet", "DaemonSet"):
        selector = spec.get("selector")
        template = spec.get("template") or {}
        labels = (template.get("metadata") or {}).get("labels") or {}
        if not selector:
            yield REQUIRED, "spec.selector", "Required value"
        elif any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
            text = f"Invalid value: {_shown(labels)}: `selector` does not match template `labels`"
            yield INVALID, "spec.template.metadata.labels", text
        containers = (template.get("spec") or {}).get("containers") or []
        if not containers:
            yield REQUIRED, "spec.template.spec.containers", "Required value"
        for index, container in enumerate(containers):
            if not container.get("name"):
                yield REQUIRED, f"spec.template.spec.containers[{index}].name", "Required value"
    for field in ("strategy", "updateStrategy"):
        strategy = spec.get(field) if isinstance(spec, Mapping) else None
        if isinstance(strategy, Mapping) and strategy.get("type") not in (None, "RollingUpdate"):
            if "rollingUpdate" in strategy and kind == "Deployment":
                text = f"Forbidden: may not be specified when strategy `type` is '{strategy['type']}'"
                yield FORBIDDEN, f"spec.{field}.rollingUpdate", text
            elif "rollingUpdate" in strategy and kind == "StatefulSet":
                text = f"Invalid value: {_shown(strategy['rollingUpdate'])}: only allowed for updateStrategy"
                text += " 'RollingUpdate'"
                yield INVALID, f"spec.{field}.rollingUpdate", text


def _of_change(obj: Mapping[str, Any], old: Mapping[str, Any], type_: Type) -> Iterator[Cause]:
    kind = obj["kind"]
    for path in _IMMUTABLE.get(kind, ()):
        new = _at(obj, path)
        if new != _at(old, path):
            at = type_
            for step in path:
                at = at.of(step) or ANY
            yield INVALID, ".".join(path), f"Invalid value: {_shown(_as_go(new, at))}: field is immutable"
    if kind in ("RoleBinding", "ClusterRoleBinding") and obj.get("roleRef") != old.get("roleRef"):
        yield INVALID, "roleRef", f"Invalid value: {_shown(obj.get('roleRef'))}: field is immutable"
    if kind in ("ConfigMap", "Secret") and old.get("immutable"):
        for field in ("data", "binaryData"):
            if obj.get(field) != old.get(field):
                yield FORBIDDEN, field, "Forbidden: field is immutable when `immutable` is set"
    if kind == "StatefulSet":
        spec, before = obj.get("spec") or {}, old.get("spec") or {}
        for name in sorted({*spec, *before} - _SET_MAY_CHANGE):
            if spec.get(name) != before.get(name):
                yield INVALID, f"spec.{name}", f"Invalid value: {_shown(spec.get(name))}: field is immutable"
    if kind == "PersistentVolumeClaim":
        spec, before = ({k: v for k, v in (o.get("spec") or {}).items() if k != "resources"} for o in (obj, old))
        if spec != before:
            yield FORBIDDEN, "spec", _CLAIM_RULE
    if kind == "Service" and _at(obj, ("spec", "clusterIP")) != _at(old, ("spec", "clusterIP")):
        ips = _at(obj, ("spec", "clusterIPs"))
        yield INVALID, "spec.clusterIPs[0]", f"Invalid value: {_shown(ips)}: may not change once set"


def _of_schema(value: Any, type_: Type, path: str) -> Iterator[Cause]:
    """A custom resource against its schema: types, required fields, enumerations, patterns."""
    here = path or "<nil>"
    allowed = type_.rules.get("enum")
    if allowed is not None and value not in allowed:
        quoted = ", ".join(f'"{one}"' for one in allowed)
        yield UNSUPPORTED, here, f'Unsupported value: "{value}": supported values: {quoted}'
    pattern = type_.rules.get("pattern")
    if pattern and isinstance(value, str) and not re.search(pattern, value):
        yield INVALID, here, f"Invalid value: \"{value}\": {path} in body should match '{pattern}'"
    if type_.form == "map" and isinstance(value, Mapping):
        for name in type_.required:
            if name not in value:
                yield REQUIRED, f"{path}.{name}".lstrip("."), "Required value"
        for name, inside in value.items():
            below = type_.of(name)
            if below is not None and not (not path and name == "metadata"):
                yield from _of_schema(inside, below, f"{path}.{name}".lstrip("."))
    elif type_.form == "list" and isinstance(value, list) and type_.item is not None:
        for index, item in enumerate(value):
            yield from _of_schema(item, type_.item, f"{path}[{index}]")
    elif type_.form not in ("any", "scalar") or _is_of_another_type(value, type_):
        found = _json_type(value)
        wanted = type_.rules.get("type")
        yield TYPE, here, f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'


def _is_of_another_type(value: Any, type_: Type) -> bool:
    wanted = {"string": str, "integer": int, "number": int | float, "boolean": bool}.get(type_.scalar)
    return wanted is not None and (not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool))


def _json_type(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", type(None): "null"}
    return names.get(type(value), "object")


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _as_go(value: Any, type_: Type) -> Any:
    """As Go prints it: with every field that there could be. What is told behind that is often cut off."""
    if isinstance(value, Mapping) and type_.fields:
        return {name: _as_go(value.get(name), type_.fields[name]) for name in type_.fields}
    if isinstance(value, list) and type_.item is not None:
        return [_as_go(item, type_.item) for item in value]
    return value


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
