"""Which fields of a live object are not as wanted, and who manages them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from kotsapp.apply.digests import STATUS

MAX_PATHS = 3
MAX_NESTING = 64

# A step is a field's name or, in brackets, an item of a list: its name, else its position.
Path = tuple[str, ...]


def differing(wanted: Mapping[str, Any], live: Mapping[str, Any], limit: int = MAX_PATHS) -> list[Path]:
    """Paths of the fields whose live value is not the wanted one, the first few; what isn't wanted is passed over."""
    found: list[Path] = []
    for path in _compare(wanted, live, (), 0):
        if len(found) == limit:
            break
        found.append(path)
    return found


def shown(path: Path) -> str:
    """As people write it: ``spec.containers[main].image``."""
    return "".join(step if step.startswith("[") else f".{step}" for step in path).removeprefix(".")


def managers_of(path: Path, metadata: Mapping[str, Any], manager: str) -> list[str]:
    """Who else than ``manager`` manages the field at ``path``, or a field inside, by the object's managedFields."""
    found = set()
    for entry in metadata.get("managedFields") or ():
        name = str(entry.get("manager"))
        if name != manager and entry.get("subresource") != STATUS and _covers(entry.get("fieldsV1") or {}, path):
            found.add(name)
    return sorted(found)


def _compare(wanted: Any, live: Any, path: Path, depth: int) -> Iterator[Path]:
    if depth > MAX_NESTING:
        return
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for name, value in wanted.items():
            yield from _compare(value, live.get(name), (*path, str(name)), depth + 1)
    elif isinstance(wanted, list) and isinstance(live, list):
        by_name = {item.get("name"): item for item in live if isinstance(item, Mapping)}
        for index, item in enumerate(wanted):
            name = item.get("name") if isinstance(item, Mapping) else None
            other = by_name.get(name) if name is not None else (live[index] if index < len(live) else None)
            yield from _compare(item, other, (*path, f"[{index if name is None else name}]"), depth + 1)
        if len(live) > len(wanted) and not all(isinstance(item, Mapping) for item in live):
            yield path
    elif wanted != live:
        yield path


def _covers(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether a fieldsV1 tree has the path, as far as it tells lists' items apart."""
    for step in path:
        if step.startswith("["):
            named = f'"{step[1:-1]}"'
            below = next((value for key, value in fields.items() if key.startswith("k:") and named in key), None)
        else:
            below = fields.get(f"f:{step}")
        if not below:
            return below is not None  # nothing below: it is the whole field from here on
        fields = below
    return True
