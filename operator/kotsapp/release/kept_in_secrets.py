"""What is kept in Secrets: cut into parts that one Secret takes, and read back within bounds. Pure."""

import base64
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

# The API server takes 1 MiB in a Secret's values; base64 is counted before it is decoded.
PART_BYTES = 700 * 1024

Secret = Mapping[str, Any]


def parts(packed: bytes) -> Iterator[bytes]:
    """The content in pieces of at most ``PART_BYTES``, made one at a time."""
    for start in range(0, len(packed), PART_BYTES):
        yield packed[start : start + PART_BYTES]


def secret(name: str, type_: str, data: Mapping[str, bytes], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The Secret with these values; ``metadata`` are its namespace, labels and owners."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**metadata, "name": name},
        "type": type_,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def value(found: Secret, key: str) -> bytes:
    """One of its values. Raises ValueError for one that is missing, or is not base64."""
    try:
        return base64.b64decode((found.get("data") or {})[key], validate=True)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it has no {key}") from error


def unpacked(packed: bytes | bytearray, most: int) -> bytes:
    """What gzip packed, at most ``most`` bytes. Raises ValueError for more, and for what gzip did not pack."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as reader:
            content = reader.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError("it can't be unpacked") from error
    if len(content) > most:
        raise ValueError(f"it unpacks to more than {most} bytes")
    return content
