"""Verdicts that were found earlier, in the form that ``kotsapp probe -o json`` prints."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from kotsapp.images.routing import Route
from kotsapp.verdicts.verdict import Verdict, route_of

# A verdict takes about 300 bytes; this is room for every image of the largest releases many times over.
MAX_BYTES = 16 * 1024 * 1024


T = TypeVar("T", bound=StrEnum)


class VerdictsError(ValueError):
    """The file holds no verdicts. The message names the entry and the field."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found about one image; ``route`` is None if that decides nothing."""

    verdict: Verdict
    route: Route | None


def read_verdicts(data: bytes) -> dict[str, Found]:
    """What is known of every image: ``{"images": [{"image": ..., "verdict": ..., "route": ...}]}``.

    The route may be left out or null, and is then the verdict's. Other fields are ignored. Raises VerdictsError.
    """
    if len(data) > MAX_BYTES:
        raise VerdictsError(f"is larger than {MAX_BYTES // (1024 * 1024)} MiB; it is not the output of kotsapp probe")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise VerdictsError("is not JSON; write it with: kotsapp probe -o json") from None
    entries = document.get("images") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise VerdictsError("has no list called images; write it with: kotsapp probe -o json")
    known: dict[str, Found] = {}
    for index, entry in enumerate(entries):
        image, found = _entry(entry, f"images[{index}]")
        if known.setdefault(image, found) != found:
            raise VerdictsError(f"images[{index}]: {image[:200]!r} is there twice, and not the same")
    return known


def _entry(entry: Any, where: str) -> tuple[str, Found]:
    if not isinstance(entry, dict):
        raise VerdictsError(f"{where} is not an object with image and verdict")
    image = entry.get("image")
    if not isinstance(image, str) or not image:
        raise VerdictsError(f"{where} has no text called image")
    verdict = _choice(Verdict, entry.get("verdict"), f"{where}.verdict")
    route = entry.get("route")
    return image, Found(verdict, route_of(verdict) if route is None else _choice(Route, route, f"{where}.route"))


def _choice(choices: type[T], value: Any, where: str) -> T:
    try:
        return choices(value)
    except ValueError:
        found = repr(value)[:80]
        raise VerdictsError(f"{where} is {found}; it has to be one of {', '.join(choices)}") from None
