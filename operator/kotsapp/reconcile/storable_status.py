"""A status as it may be stored: without secrets, and no larger than the API server takes. Pure."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kotsapp.api.conditions import Reason, merge, retrying
from kotsapp.kube.errors import ApiError
from kotsapp.redact import Redactor

# etcd takes 1.5 MiB of an object, of which a spec with inline manifests and the record of who set what need some.
MAX_STATUS_BYTES = 1_000_000
# How many users of an image, and how many images and workloads, are left in a status that is too large.
_STEPS = ((3, 500), (1, 500), (1, 100), (1, 20), (1, 5))
_TOO_LARGE = ("request is too large", "larger than max", "entity too large")

# What people or vendors wrote, or who answered: everything else is of a few words, names an object that is there, or is
# of the license, of which it is what may be told.
_TEXTS = {
    "availableReleases": ("versionLabel", "createdAt"),
    "conditions": ("message",),
    "config": ("missing",),
    "images": ("image", "pull", "code", "message", "usedBy"),
    "release": ("versionLabel",),
    "sources": ("revision",),
    "workloads": ("message",),
    "unhandledImages": ("image", "path"),
}


def masked(status: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The status with every text masked. The inventory stays as it is: by it objects are found again."""
    return {name: _masked(value, _TEXTS[name], redactor) if name in _TEXTS else value for name, value in status.items()}


def bounded(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status in at most ``MAX_STATUS_BYTES`` of JSON, as far as images, their users and workloads make it larger.

    They are in the order of what matters most, and are counted elsewhere.
    """
    shown = status
    for users, entries in _STEPS:
        if _size(shown) <= MAX_STATUS_BYTES:
            break
        shown = {
            **status,
            "images": [_with_users(image, users) for image in (status.get("images") or ())[:entries]],
            "workloads": (status.get("workloads") or ())[:entries],
        }
    return shown


def too_large(previous: Mapping[str, Any], wanted: Mapping[str, Any], generation: int, now: str) -> dict[str, Any]:
    """What to store instead of a status that the API server found too large: the inventory is the one it has."""
    message = (
        f"what is applied can't be recorded: the status would have {_size(wanted) // 1024} KiB, which is too large for"
        " the API server, so nothing more is applied; split the app into several KotsApps"
    )
    kept = {name: value for name, value in previous.items() if name not in ("images", "workloads")}
    conditions = merge(previous.get("conditions") or (), retrying(Reason.APPLY_FAILED, message), generation, now)
    return {**kept, "conditions": conditions}


def is_too_large(error: ApiError) -> bool:
    """Whether the API server, or etcd behind it, takes nothing of that size."""
    return error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or any(text in error.message for text in _TOO_LARGE)


def _size(status: Mapping[str, Any]) -> int:
    return len(json.dumps(status, ensure_ascii=False).encode(errors="replace"))


def _with_users(image: Mapping[str, Any], most: int) -> dict[str, Any]:
    users = image.get("usedBy") or ()
    more = [f"and {len(users) - most} more"] if len(users) > most else []
    return {**image, "usedBy": [*users[:most], *more]} if users else dict(image)


def _masked(found: Any, fields: tuple[str, ...], redactor: Redactor) -> Any:
    if isinstance(found, Mapping):
        return {name: _text(value, redactor) if name in fields else value for name, value in found.items()}
    return [_masked(entry, fields, redactor) for entry in found]


def _text(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, list):
        return [redactor.text(str(item)) for item in value]
    return redactor.text(value) if isinstance(value, str) else value
