"""Verdicts that were found earlier, in the form that ``kotsapp probe -o json`` prints."""

import json
from typing import Any

from kotsapp.registry.verdict import Verdict

# A verdict takes about 300 bytes; this is room for every image of the largest releases many times over.
MAX_BYTES = 16 * 1024 * 1024


class VerdictsError(ValueError):
    """The file holds no verdicts. The message names the entry and the field."""


def read_verdicts(data: bytes) -> dict[str, Verdict]:
    """The verdict of every image: ``{"images": [{"image": ..., "verdict": ...}]}``, further fields ignored.

    Raises VerdictsError.
    """
    if len(data) > MAX_BYTES:
        raise VerdictsError(f"is larger than {MAX_BYTES // (1024 * 1024)} MiB; it is no output of kotsapp probe")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise VerdictsError("is not JSON; write it with: kotsapp probe -o json") from None
    entries = document.get("images") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise VerdictsError("has no list called images; write it with: kotsapp probe -o json")
    verdicts: dict[str, Verdict] = {}
    for index, entry in enumerate(entries):
        image = _text(entry, "image", index)
        verdict = _text(entry, "verdict", index)
        try:
            found = Verdict(verdict)
        except ValueError:
            known = ", ".join(Verdict)
            raise VerdictsError(f"images[{index}].verdict is {verdict[:80]!r}; known are {known}") from None
        if verdicts.setdefault(image, found) is not found:
            raise VerdictsError(f"images[{index}]: {image[:200]!r} is there twice, with different verdicts")
    return verdicts


def _text(entry: Any, field: str, index: int) -> str:
    value = entry.get(field) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value:
        raise VerdictsError(f"images[{index}] has no text called {field}")
    return value
