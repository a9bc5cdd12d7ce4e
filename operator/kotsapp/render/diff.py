"""What a rewriting changes, as people read it: unified differences of the objects' YAML."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff
from typing import Any

from kotsapp.render.patched import Patched, title
from kotsapp.render.yaml_text import dump

_CONTEXT = 3
_HIDDEN = "***"


def differences(objects: Iterable[Patched], added: Sequence[dict[str, Any]] = ()) -> str:
    """The difference of every changed object and of the added Secrets, their data hidden; empty if nothing changes."""
    parts = [part for secret in added for part in _difference(title(secret), None, _hidden(secret))]
    for obj in objects:
        if obj.after is not obj.before:
            parts.extend(_difference(title(obj.before), obj.before, obj.after))
    return "".join(parts)


def _difference(name: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Iterator[str]:
    old = [] if before is None else dump(before).splitlines(keepends=True)
    source = "/dev/null" if before is None else f"a/{name}"
    return unified_diff(old, dump(after).splitlines(keepends=True), source, f"b/{name}", n=_CONTEXT)


def _hidden(secret: dict[str, Any]) -> dict[str, Any]:
    return secret | {"data": dict.fromkeys(secret.get("data", {}), _HIDDEN)}
