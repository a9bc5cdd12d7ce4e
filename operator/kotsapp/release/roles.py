"""What a document of a release is for, by its raw text: before its calls are filled in (DESIGN 6.3).

Documents for the tools that install and support an app may hold any call, and may be no YAML without their calls, or
no YAML at all. Those that are applied have to be read, whatever they hold.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from kotsapp.images.podspec import group_kind
from kotsapp.regexes import regex
from kotsapp.release import kots


class Role(Enum):
    """What becomes of a document."""

    APPLIED = auto()
    APPLICATION = auto()
    CHART = auto()
    CONFIG = auto()
    CONFIG_VALUES = auto()
    SUPPORT = auto()
    """A troubleshoot document, whose collectors run images."""
    OTHER = auto()
    """Never applied, and nothing in it matters."""


_OWN_KINDS = {
    "Application": Role.APPLICATION,
    "HelmChart": Role.CHART,
    "Config": Role.CONFIG,
    "ConfigValues": Role.CONFIG_VALUES,
}
# A field at the start of a line, or anywhere in braces.
_FIELD = r"""^%s[ \t]*:[ \t]*["']?([^\s"'#,}]+)"""
_BLOCK = {name: regex(_FIELD % name, re.MULTILINE) for name in ("apiVersion", "kind")}
_FLOW = {name: regex(rf"""[{{,]\s*["']?{name}["']?\s*:\s*["']?([^\s"'#,}}]+)""") for name in ("apiVersion", "kind")}


def role_of(obj: Mapping[str, Any]) -> Role:
    group, kind = group_kind(obj)
    if group == "kots.io":
        return _OWN_KINDS.get(kind, Role.OTHER)
    if kots.is_applied(obj):
        return Role.APPLIED
    return Role.SUPPORT if kots.is_support(obj) else Role.OTHER


def raw_role(text: str) -> Role | None:
    """The role of a document by its text; None where the text does not say, or says it by a call."""
    found = {name: _raw_field(text, name) for name in ("apiVersion", "kind")}
    if not all(found.values()) or any("repl" in value and "{{" in value for value in found.values()):
        return None
    return role_of(found)


def raw_name(text: str) -> str:
    """What a document is called by its text, its calls as they are written: the same from release to release."""
    kind = _raw_field(text, "kind")
    metadata = re.search(r"^metadata:[ \t]*(?:\{|\n)(.*?)(?:^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    name = re.search(r"(?:^|[{,\s])name:[ \t]*([^\n,}]+)", metadata[1], re.MULTILINE) if metadata else None
    return f"{kind}/{name[1].strip()}" if kind and name else ""


def _raw_field(text: str, name: str) -> str:
    match = _BLOCK[name].search(text)
    if match is None and text.lstrip().startswith("{"):
        match = _FLOW[name].search(text)
    return match[1] if match else ""
