"""The annotations by which vendors say what becomes of an object: KOTS's and Helm's, read in one place."""

from collections.abc import Mapping
from typing import Any

from kotsapp.manifests.errors import ManifestError, Place, quote

Object = Mapping[str, Any]

EXCLUDE, WHEN = "kots.io/exclude", "kots.io/when"
HOOK, HOOK_WEIGHT = "helm.sh/hook", "helm.sh/hook-weight"

# As Go's strconv.ParseBool, which KOTS uses.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def annotations_of(obj: Object) -> Mapping[str, Any]:
    """The object's annotations, empty where it has none that are a mapping."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def included(obj: Object, place: Place) -> bool:
    """Whether the object is to be applied; ``kots.io/when`` counts where ``kots.io/exclude`` is not given, as in KOTS.

    For objects, not for KOTS's own kinds (DESIGN 6.3). Raises ManifestError for a value that is no boolean.
    """
    annotations = annotations_of(obj)
    if EXCLUDE in annotations:
        return not boolean(annotations[EXCLUDE], f"the annotation {EXCLUDE} of {name(obj)}", place)
    return WHEN not in annotations or boolean(annotations[WHEN], f"the annotation {WHEN} of {name(obj)}", place)


def boolean(value: Any, what: str, place: Place) -> bool:
    """A boolean, or a text that Go reads as one, within blanks that a template left. Raises ManifestError."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip() in _BOOLEANS:
        return _BOOLEANS[value.strip()]
    found = quote(value) if isinstance(value, str) else type(value).__name__ if value is not None else "empty"
    raise ManifestError(place, f'{what} is {found}: write "true" or "false"')


def hook_events(obj: Object) -> frozenset[str]:
    """The moments at which Helm applies the object, such as ``pre-install``; empty for an ordinary one."""
    value = annotations_of(obj).get(HOOK)
    return frozenset(event.strip() for event in value.split(",") if event.strip()) if isinstance(value, str) else _NEVER


_NEVER: frozenset[str] = frozenset()


def hook_weight(obj: Object) -> int:
    """As Helm: what is no number weighs nothing."""
    try:
        return int(str(annotations_of(obj).get(HOOK_WEIGHT)))
    except ValueError:
        return 0


def name(obj: Object) -> str:
    """``Kind/name``, for messages."""
    metadata = obj.get("metadata")
    own = (metadata.get("name") or metadata.get("generateName")) if isinstance(metadata, dict) else None
    return f"{obj.get('kind')}/{own}"
