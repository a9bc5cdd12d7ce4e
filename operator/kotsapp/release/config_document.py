"""A release's Config as it is written: groups of items (DESIGN 6.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import actions

TYPES = frozenset(
    "bool dropdown file heading label password radio select select_many select_one text textarea".split()  # noqa: SIM905
)
# What a person can fill in; a label or heading only shows its value.
_EDITABLE = TYPES - {"heading", "label"}
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
# A Config that asks for more is not one that a person fills in.
MAX_ITEMS = 2_000

Object = Mapping[str, Any]


class Target(NamedTuple):
    """A document that a repeatable item repeats: an item of a list in it by its ``path``, or all of it without one."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    path: str = ""

    def fits(self, obj: Object) -> bool:
        metadata = obj.get("metadata")
        known = metadata if isinstance(metadata, dict) else {}
        found = (obj.get("apiVersion"), obj.get("kind"), known.get("name"), known.get("namespace") or "")
        return found == (self.api_version, self.kind, self.name, self.namespace)


@dataclass(frozen=True, slots=True)
class Item:
    """One item. ``default``, ``value`` and ``when`` may hold calls; ``children`` are the choices of a select, by name
    and title; ``rows`` are a repeatable item's values by their names, ``targets`` what they repeat."""

    name: str
    type: str
    title: str
    group: str
    default: str = field(default="", repr=False)
    value: str = field(default="", repr=False)
    when: str = ""
    required: bool = False
    readonly: bool = False
    hidden: bool = False
    repeatable: bool = False
    filename: str = ""
    help_text: str = ""
    pattern: str = ""
    pattern_message: str = ""
    children: tuple[tuple[str, str], ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict, repr=False)
    targets: tuple[Target, ...] = ()

    @property
    def editable(self) -> bool:
        return not self.readonly and self.type in _EDITABLE

    @property
    def shown(self) -> str:
        """The title for a message; one that is itself filled in says less than the name."""
        return self.title if self.title and not actions.has_calls(self.title) else self.name


@dataclass(frozen=True, slots=True)
class Config:
    """The items in the order in which they are written; ``group_whens`` are the groups' conditions by their names."""

    items: tuple[Item, ...]
    place: Place
    group_whens: Mapping[str, str] = field(default_factory=dict)

    @property
    def names_of_items(self) -> frozenset[str]:
        return frozenset(item.name for item in self.items)

    @property
    def names(self) -> frozenset[str]:
        """Everything that may be given: items, choices that are ticked one by one, and rows."""
        children = (name for item in self.items if item.type == "select_many" for name, _ in item.children)
        return frozenset([*(item.name for item in self.items), *children, *(r for i in self.items for r in i.rows)])


def parse(obj: Object, place: Place) -> Config:
    """The Config as it is written. Raises ManifestError for what is none, naming the item."""
    spec = obj.get("spec")
    groups = spec.get("groups") if isinstance(spec, dict) else None
    if groups is None:
        return Config((), place)
    items: list[Item] = []
    whens: dict[str, str] = {}
    for index, group in enumerate(_list(groups, "spec.groups", place)):
        at = f"spec.groups[{index}]"
        entry = _mapping(group, at, place)
        name = str(entry.get("name") or f"group {index + 1}")
        whens[name] = as_text(entry.get("when"), f"{at}.when", place)
        for number, item in enumerate(_list(entry.get("items") or [], f"{at}.items", place)):
            items.append(_item(_mapping(item, f"{at}.items[{number}]", place), f"{at}.items[{number}]", name, place))
            if len(items) > MAX_ITEMS:
                raise ManifestError(place, f"the Config has more than {MAX_ITEMS} items: split the release")
    return Config(tuple(items), place, whens)


def _item(entry: Object, at: str, group: str, place: Place) -> Item:
    written = entry.get("name")
    # A name is text in the reference, where YAML's yes is a boolean.
    name = str(written).lower() if isinstance(written, bool) else as_text(written, f"{at}.name", place)
    if not name:
        raise ManifestError(place, f"{at} of the Config has no name: give it one")
    at = f"the Config's item {name}"
    regex = _mapping((_mapping(entry.get("validation") or {}, at, place)).get("regex") or {}, at, place)
    children = [_mapping(child, at, place) for child in _list(entry.get("items") or [], f"{at}, items", place)]
    return Item(
        name=name,
        type=as_text(entry.get("type"), f"{at}, type", place) or "text",
        title=as_text(entry.get("title"), f"{at}, title", place),
        group=group,
        default=as_text(entry.get("default"), f"{at}, default", place),
        value=as_text(entry.get("value"), f"{at}, value", place),
        when=as_text(entry.get("when"), f"{at}, when", place),
        required=_flag(entry.get("required")),
        readonly=_flag(entry.get("readonly")),
        hidden=_flag(entry.get("hidden")),
        repeatable=_flag(entry.get("repeatable")),
        filename=as_text(entry.get("filename"), f"{at}, filename", place),
        help_text=as_text(entry.get("help_text"), f"{at}, help_text", place),
        pattern=as_text(regex.get("pattern"), f"{at}, validation.regex.pattern", place),
        pattern_message=as_text(regex.get("message"), f"{at}, validation.regex.message", place),
        children=tuple((as_text(c.get("name"), at, place), as_text(c.get("title"), at, place)) for c in children),
        rows=_rows(entry.get("valuesByGroup"), at, place),
        targets=_targets(entry.get("templates") or entry.get("template") or [], f"{at}, templates", place),
    )


def _rows(value: Any, at: str, place: Place) -> dict[str, str]:
    if value is None:
        return {}
    groups = _mapping(value, f"{at}, valuesByGroup", place)
    return {
        str(name): as_text(text, f"{at}, valuesByGroup", place)
        for rows in groups.values()
        for name, text in _mapping(rows or {}, f"{at}, valuesByGroup", place).items()
    }


def _targets(value: Any, at: str, place: Place) -> tuple[Target, ...]:
    entries = [_mapping(one, at, place) for one in _list(value, at, place)]
    fields = ("apiVersion", "kind", "name", "namespace", "yamlPath")
    return tuple(Target(*(as_text(entry.get(key), f"{at}, {key}", place) for key in fields)) for entry in entries)


def _flag(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value in TRUE)


def as_text(value: Any, at: str, place: Place) -> str:
    """A text, or what the reference makes of a boolean or number in its place. Raises ManifestError."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise ManifestError(place, f"{at} is {'a mapping' if isinstance(value, dict) else 'a list'}, not text: quote it")


def _mapping(value: Any, at: str, place: Place) -> Object:
    if not isinstance(value, dict):
        raise ManifestError(place, f"{at} of the Config is not a mapping")
    return value


def _list(value: Any, at: str, place: Place) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ManifestError(place, f"{at} of the Config is not a list")
    return value
