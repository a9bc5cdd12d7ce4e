"""A status as it may be told: without secrets. Pure."""

from collections.abc import Mapping
from typing import Any

from kotsapp.redact import Redactor

# What people or vendors wrote, or who answered: everything else is of a few words, or names an object that is there.
_TEXTS = {
    "conditions": ("message",),
    "images": ("image", "pull", "code", "message", "usedBy"),
    "workloads": ("message",),
}


def told(status: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The status with every text masked. The inventory stays as it is: by it objects are found again."""
    return {name: _masked(value, _TEXTS[name], redactor) if name in _TEXTS else value for name, value in status.items()}


def _masked(entries: Any, fields: tuple[str, ...], redactor: Redactor) -> list[dict[str, Any]]:
    return [
        {name: _text(value, redactor) if name in fields else value for name, value in entry.items()}
        for entry in entries
    ]


def _text(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, list):
        return [redactor.text(str(item)) for item in value]
    return redactor.text(value) if isinstance(value, str) else value
