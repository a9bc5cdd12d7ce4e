"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902)."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.fakekube.typed import copied


class PatchError(Exception):
    """The patch doesn't fit the object."""


def merge_patched(value: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return copied(patch)
    result = dict(value) if isinstance(value, Mapping) else {}
    for name, inside in patch.items():
        if inside is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), inside)
    return result


def json_patched(value: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    result = copied(value)
    for operation in patch:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        result = _done(result, steps, operation)
    return result


def _done(value: Any, steps: Sequence[str], operation: Mapping[str, Any]) -> Any:
    if not steps:
        return _at_root(value, operation)
    parent = value
    for step in steps[:-1]:
        parent = _into(parent, step, operation)
    last, verb = steps[-1], operation["op"]
    if verb == "test":
        if _into(parent, last, operation, missing_ok=True) != operation["value"]:
            raise PatchError(f"testing value {operation['path']} failed: test failed")
    elif isinstance(parent, list):
        _change_list(parent, last, operation)
    elif verb == "remove":
        if last not in parent:
            raise PatchError(f"error in remove for path: '{operation['path']}': Unable to remove nonexistent key")
        del parent[last]
    else:
        if verb == "replace" and last not in parent:
            raise PatchError(f"replace operation does not apply: doc is missing key: {operation['path']}")
        parent[last] = copied(operation["value"])
    return value


def _at_root(value: Any, operation: Mapping[str, Any]) -> Any:
    if operation["op"] == "test":
        if value != operation["value"]:
            raise PatchError(f"testing value {operation['path']} failed: test failed")
        return value
    return copied(operation["value"])


def _change_list(items: list[Any], step: str, operation: Mapping[str, Any]) -> None:
    if operation["op"] == "remove":
        del items[int(step)]
    elif operation["op"] == "replace":
        items[int(step)] = copied(operation["value"])
    else:
        items.insert(len(items) if step == "-" else int(step), copied(operation["value"]))


def _into(value: Any, step: str, operation: Mapping[str, Any], *, missing_ok: bool = False) -> Any:
    try:
        return value[int(step)] if isinstance(value, list) else value[step]
    except (LookupError, ValueError, TypeError):
        if missing_ok:
            return None
        raise PatchError(
            f"{operation['op']} operation does not apply: doc is missing path: {operation['path']}"
        ) from None
