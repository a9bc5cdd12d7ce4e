"""Types of API objects, as far as server-side apply and validation need them.

A type is written in JSON, so that the built-in ones can be kept in a file (see ``learn``):

* ``"string"``, ``"integer"``, ``"number"``, ``"boolean"``, ``"quantity"`` (a number or a string)
* ``"any"``: whatever it is, lists being atomic; ``"atom"``: whatever it is, as a whole
* ``{"ref": NAME}``, with ``"atomic": true`` where it is owned as a whole
* ``{"fields": {NAME: TYPE}}`` and ``{"map": TYPE}``, with ``"atomic": true`` where it is owned as a whole
* ``{"list": TYPE}``, atomic, or with ``"keys": {NAME: DEFAULT}`` or ``"set": true``
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

BUILT_IN_FILE: Final = Path(__file__).with_name("builtin.json")


@dataclass(slots=True, eq=False)
class Type:
    """``form`` is scalar, any, map or list. A map has declared ``fields``, and ``item`` for all other names."""

    form: str
    scalar: str = ""
    atomic: bool = False
    fields: dict[str, "Type"] = field(default_factory=dict)
    item: "Type | None" = None
    keys: Mapping[str, Any] = field(default_factory=dict)
    is_set: bool = False
    required: tuple[str, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)  # what else a custom resource's schema asks of the value

    def of(self, name: str) -> "Type | None":
        """The type of the map's field ``name``; None where no such field may be."""
        return self.fields.get(name) or self.item


ANY: Final = Type("any")
ATOM: Final = Type("any", atomic=True)


@dataclass(slots=True)
class Types:
    """Named types, resolved once."""

    written: Mapping[str, Any]
    _made: dict[tuple[str, bool], Type] = field(default_factory=dict)

    def named(self, name: str, *, atomic: bool = False) -> Type:
        key = (name, atomic)
        if key not in self._made:
            shell = self._made[key] = Type("any")  # types refer to themselves
            made = self.read(self.written[name])
            for slot in ("form", "scalar", "fields", "item", "keys", "is_set"):
                setattr(shell, slot, getattr(made, slot))
            shell.atomic = made.atomic or atomic
        return self._made[key]

    def read(self, written: Any) -> Type:
        if isinstance(written, str):
            return {"any": ANY, "atom": ATOM}.get(written) or Type("scalar", written)
        atomic = bool(written.get("atomic"))
        if "ref" in written:
            return self.named(written["ref"], atomic=atomic)
        if "fields" in written:
            return Type("map", atomic=atomic, fields={k: self.read(v) for k, v in written["fields"].items()})
        if "map" in written:
            return Type("map", atomic=atomic, item=self.read(written["map"]))
        keys, is_set = written.get("keys") or {}, bool(written.get("set"))
        return Type("list", atomic=not (keys or is_set), item=self.read(written["list"]), keys=keys, is_set=is_set)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """What an API server serves by itself: ``version``, ``kinds`` as discovery has them, and the types of all."""

    version: str
    kinds: tuple[Mapping[str, Any], ...]
    types: Types


@cache
def built_in() -> BuiltIn:
    read = json.loads(BUILT_IN_FILE.read_text())
    return BuiltIn(read["version"], tuple(read["kinds"]), Types(read["types"]))


def type_of_definition(schema: Mapping[str, Any], metadata: Type) -> Type:
    """The type of a custom resource, from its definition's ``openAPIV3Schema``."""
    found = _structural(schema)
    strings = Type("scalar", "string")
    return Type(
        "map",
        fields={**found.fields, "apiVersion": strings, "kind": strings, "metadata": metadata},
        required=found.required,
        rules=found.rules,
    )


def _structural(schema: Mapping[str, Any]) -> Type:
    """The rules of a node are kept: enum, pattern, bounds, default."""
    form = schema.get("type")
    rules = {name: value for name, value in schema.items() if name not in ("properties", "items", "description")}
    if schema.get("x-kubernetes-int-or-string"):
        return Type("scalar", "quantity", rules=rules)
    if form == "array":
        kind = schema.get("x-kubernetes-list-type", "atomic")
        item_schema = schema.get("items") or {}
        properties = item_schema.get("properties") or {}
        keys = {
            name: (properties.get(name) or {}).get("default") for name in schema.get("x-kubernetes-list-map-keys", ())
        }
        return Type(
            "list", atomic=kind == "atomic", item=_structural(item_schema), keys=keys, is_set=kind == "set", rules=rules
        )
    if form == "object" or "properties" in schema:
        fields = {name: _structural(part) for name, part in (schema.get("properties") or {}).items()}
        more = schema.get("additionalProperties")
        item = _structural(more) if isinstance(more, Mapping) else None
        if schema.get("x-kubernetes-preserve-unknown-fields") or more is True:
            item = ANY
        atomic = schema.get("x-kubernetes-map-type") == "atomic"
        return Type(
            "map", atomic=atomic, fields=fields, item=item, required=tuple(schema.get("required") or ()), rules=rules
        )
    if form is None:
        return Type("any", rules=rules)
    return Type("scalar", str(form), rules=rules)
