"""Writes ``builtin.json`` from a real API server: its kinds, and the types of their fields.

python -m harness.fakekube.learn    # starts a world of its own
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from harness.fakekube.schema import BUILT_IN_FILE

Get = Callable[[str], Mapping[str, Any]]

GROUPS: Final = (
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
)
_SCALARS: Final = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
_REF: Final = "#/components/schemas/"


def learn(get: Get) -> dict[str, Any]:
    """What the API server at the end of ``get`` serves; ``get`` takes a path and returns the answer's object."""
    kinds: list[dict[str, Any]] = []
    schemas: dict[str, Mapping[str, Any]] = {}
    for group_version in _group_versions(get):
        prefix = "apis" if "/" in group_version else "api"
        found = get(f"/openapi/v3/{prefix}/{group_version}")["components"]["schemas"]
        schemas |= found
        names = dict(_kinds_of(found))
        group, _, version = group_version.rpartition("/")
        resources = get(f"/{prefix}/{group_version}")["resources"]
        subresources = {r["name"] for r in resources if "/" in r["name"]}
        for resource in resources:
            named = names.get((group, version, resource["kind"]))
            if "/" in resource["name"] or named is None or "create" not in resource["verbs"]:
                continue
            kinds.append(
                {
                    "apiVersion": group_version,
                    "kind": resource["kind"],
                    "plural": resource["name"],
                    "namespaced": resource["namespaced"],
                    "status": f"{resource['name']}/status" in subresources,
                    "type": named,
                }
            )
    types: dict[str, Any] = {}
    for kind in kinds:
        _take(kind["type"], schemas, types)
    _take("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", schemas, types)
    return {"version": get("/version")["gitVersion"], "kinds": kinds, "types": dict(sorted(types.items()))}


def written(learned: Mapping[str, Any]) -> str:
    """One line a kind and a type, so that a change of versions can be read."""
    kinds = ",\n".join(json.dumps(kind, sort_keys=True) for kind in learned["kinds"])
    types = ",\n".join(f"{json.dumps(name)}: {json.dumps(type_)}" for name, type_ in learned["types"].items())
    version = json.dumps(learned["version"])
    return f'{{"version": {version},\n"kinds": [\n{kinds}\n],\n"types": {{\n{types}\n}}}}\n'


def _group_versions(get: Get) -> Iterator[str]:
    yield "v1"
    for group in get("/apis")["groups"]:
        if group["name"] in GROUPS:
            yield from (version["groupVersion"] for version in group["versions"])


def _kinds_of(schemas: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str, str], str]]:
    for name, schema in schemas.items():
        marks = list(schema.get("x-kubernetes-group-version-kind") or [])
        if len(marks) == 1:
            [mark] = marks
            yield (mark["group"], mark["version"], mark["kind"]), name


def _take(name: str, schemas: Mapping[str, Mapping[str, Any]], types: dict[str, Any]) -> None:
    if name in types:
        return
    types[name] = None
    types[name] = _type(schemas[name], schemas, types)


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]], types: dict[str, Any]) -> Any:
    inside = schema["allOf"][0] if "allOf" in schema else schema
    atomic = {"atomic": True} if schema.get("x-kubernetes-map-type") == "atomic" else {}
    if "$ref" in inside:
        name = inside["$ref"].removeprefix(_REF)
        target = schemas[name]
        if not target.get("properties") and not target.get("additionalProperties") and target.get("type") != "array":
            return _type(target, schemas, types)
        _take(name, schemas, types)
        return {"ref": name, **atomic}
    if schema.get("format") == "int-or-string" or "oneOf" in schema:
        return "quantity"
    form = schema.get("type")
    if form in _SCALARS:
        return _SCALARS[form]
    if form == "array":
        items = _type(schema["items"], schemas, types)
        kind = schema.get("x-kubernetes-list-type")
        if kind == "map":
            return {"list": items, "keys": {key: _default(schema["items"], key, schemas) for key in _keys(schema)}}
        return {"list": items, "set": True} if kind == "set" else {"list": items}
    if "properties" in schema:
        return {"fields": {k: _type(v, schemas, types) for k, v in sorted(schema["properties"].items())}, **atomic}
    if "additionalProperties" in schema:
        return {"map": _type(schema["additionalProperties"], schemas, types), **atomic}
    return "any" if schema.get("x-kubernetes-preserve-unknown-fields") or form is None else "atom"


def _keys(schema: Mapping[str, Any]) -> list[str]:
    return sorted(schema["x-kubernetes-list-map-keys"])


def _default(items: Mapping[str, Any], key: str, schemas: Mapping[str, Mapping[str, Any]]) -> Any:
    """What stands for the key where an item doesn't name it."""
    inside = items["allOf"][0] if "allOf" in items else items
    properties = schemas[inside["$ref"].removeprefix(_REF)]["properties"]
    return properties[key].get("default")


def main() -> None:
    from localworld.world import World

    with World.start(node=False) as world:
        learned = learn(world.api.get)
    BUILT_IN_FILE.write_text(written(learned))


if __name__ == "__main__":
    main()
