"""What a spec is made of everywhere: names, and references to Secrets and ConfigMaps of the app's own namespace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kotsapp.regexes import regex

MAX_ITEMS = 64

_NAME = regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = regex(r"[-._a-zA-Z0-9]{1,253}")


class SpecError(ValueError):
    """The spec can't be used. The message names the field, what was found and what it must be."""


class SourceKind(StrEnum):
    SECRET = "Secret"  # noqa: S105 - a kind, not a password
    CONFIG_MAP = "ConfigMap"


_FIELDS = ((SourceKind.SECRET, "secretRef"), (SourceKind.CONFIG_MAP, "configMapRef"))


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A Secret or ConfigMap in the app's own namespace; ``key`` None means every key, in key order.

    ``digest`` is that of the key's content, as ``sha256:`` and hexadecimal digits, None for any content.
    """

    kind: SourceKind
    name: str
    key: str | None
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.key is None else f"{self.kind} {self.name}, key {self.key}"


def account_name(name: str) -> str:
    """The name of a ServiceAccount; raises SpecError for what can be none."""
    if not _NAME.fullmatch(name):
        raise SpecError(f"{name[:80]!r} is not a name of a ServiceAccount")
    return name


def one_ref(item: Any, where: str) -> KeyRef:
    """The reference of an item that has either a secretRef or a configMapRef. Raises SpecError."""
    found = [(kind, name) for kind, name in _FIELDS if isinstance(item, Mapping) and item.get(name) is not None]
    if len(found) != 1:
        raise SpecError(f"{where}: exactly one of secretRef and configMapRef must be set")
    kind, ref = found[0]
    return key_ref(kind, item[ref], f"{where}.{ref}")


def key_ref(kind: SourceKind, value: Any, where: str) -> KeyRef:
    """Raises SpecError."""
    if not isinstance(value, Mapping):
        raise SpecError(f"{where}: must be an object with a name")
    key = value.get("key")
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise SpecError(f"{where}.key: {str(key)[:80]!r} can't be a key of a {kind}")
    return KeyRef(kind, object_name(value, "name", where), key)


def object_name(parent: Mapping[str, Any], field: str, where: str) -> str:
    """The name of an object in a field. Raises SpecError."""
    value = parent.get(field)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise SpecError(f"{where}.{field}: must be the name of an object, found {str(value)[:80]!r}")
    return value


def items(parent: Mapping[str, Any], field: str, where: str) -> Sequence[Any]:
    """The list in a field, empty where there is none. Raises SpecError."""
    value = parent.get(field) or []
    if not isinstance(value, list):
        raise SpecError(f"{where}.{field}: must be a list")
    if len(value) > MAX_ITEMS:
        raise SpecError(f"{where}.{field}: at most {MAX_ITEMS} items are possible, found {len(value)}")
    return value
