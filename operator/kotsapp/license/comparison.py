"""Where the outer document says something else than its signed data. Paths only, never values."""

from collections.abc import Iterator

from kotsapp.license.document import Value

# Enough to see what happened; a condition's message has room for little more.
MAX_DIFFERENCES = 20
_LONGEST_KEY = 60


def differences(outer: dict[str, Value], signed: dict[str, Value]) -> tuple[str, ...]:
    """Field paths such as ``spec.channels[0].channelName``, sorted, at most MAX_DIFFERENCES.

    A missing field equals an empty one (``false``, ``""``, 0, ``[]``, ``{}``), since writers leave those out. The
    signature is no field of what it signs; of the metadata only the name counts, because clients add to the rest.
    """
    found = sorted(_between("spec", _without_signature(outer.get("spec")), signed.get("spec")))
    if _member(outer.get("metadata"), "name") != _member(signed.get("metadata"), "name"):
        found.insert(0, "metadata.name")
    return tuple(found[:MAX_DIFFERENCES])


def _between(path: str, outer: Value, signed: Value) -> Iterator[str]:
    if isinstance(outer, dict) and isinstance(signed, dict):
        for key in outer.keys() | signed.keys():
            yield from _between(f"{path}.{key[:_LONGEST_KEY]}", outer.get(key), signed.get(key))
    elif isinstance(outer, list) and isinstance(signed, list):
        for index in range(max(len(outer), len(signed))):
            yield from _between(f"{path}[{index}]", _item(outer, index), _item(signed, index))
    elif (outer or signed) and (outer != signed or isinstance(outer, bool) is not isinstance(signed, bool)):
        yield path


def _without_signature(spec: Value) -> Value:
    return {key: value for key, value in spec.items() if key != "signature"} if isinstance(spec, dict) else spec


def _member(container: Value, key: str) -> Value:
    return container.get(key) if isinstance(container, dict) else None


def _item(values: list[Value], index: int) -> Value:
    return values[index] if index < len(values) else None
