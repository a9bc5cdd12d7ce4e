"""A job's name and arguments on their way to a child, which is given nothing but what the operator has made."""

import copyreg
import pickle
from types import MappingProxyType
from typing import Any


def packed(job: str, arguments: tuple[Any, ...]) -> bytes:
    return pickle.dumps((job, arguments), protocol=pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes | bytearray) -> tuple[str, tuple[Any, ...]]:
    job, arguments = pickle.loads(data)  # noqa: S301 - from the operator
    return job, arguments


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


# A license keeps its entitlements in one.
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))
