"""Answers of the API server that are no success, without what must not be shown (headers, credentials)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_SHOWN = 1000
# A server-side apply of an object that does not fit its schema; the server calls that an internal error.
_MISFIT = "failed to create typed patch object"
_MISFIT_FIELD = re.compile(r"\s(\.[A-Za-z][^\s:]*): ")


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that the API server complains of."""

    field: str
    message: str


class ApiError(Exception):
    """The API server refused or failed. ``status`` is the HTTP status, 0 when there was no answer."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        retry_after: float | None = None,
        causes: Sequence[Cause] = (),
    ) -> None:
        super().__init__(message)
        self.causes = tuple(causes)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def not_found(self) -> bool:
        return self.status == 404

    @property
    def path_not_found(self) -> bool:
        """Nothing is served at the path at all: of an object that is missing the API server says so by name."""
        return self.not_found and self.reason != "NotFound"

    @property
    def immutable(self) -> bool:
        """The API server says in so many words that a field can't be changed on the live object."""
        return self.status == 422 and "immutable" in (self.message + " ".join(c.message for c in self.causes))

    @property
    def invalid(self) -> bool:
        """The object that was sent can't be one; the message may quote its values."""
        return self.status in (400, 422) or _MISFIT in self.message

    @property
    def fields(self) -> list[str]:
        """The fields that the server complains of."""
        named = {cause.field for cause in self.causes} | set(_MISFIT_FIELD.findall(self.message))
        return sorted(named - {""})

    @property
    def awaits_another(self) -> bool:
        """Something that the object refers to may be missing; a right that RBAC denies is not what is meant."""
        return self.status == 404 or (self.status == 403 and 'User "' not in self.message)

    @property
    def transient(self) -> bool:
        """Worth trying again without anybody changing anything; an apply by force meets a 409 only in a race.

        A 401 comes of a token that is being replaced, or of an API server that can't look it up just now.
        """
        if self.invalid:
            return False
        return self.status in (0, 401, 408, 409, 429) or self.status >= 500


class UnknownKindError(ApiError):
    """The API server serves no such kind."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(
            404,
            "UnknownKind",
            f"the API server serves no kind {kind} in {api_version}; is it misspelled, or its"
            " CustomResourceDefinition missing?",
        )
        self.api_version = api_version
        self.kind = kind


def from_answer(status: int, phrase: str, headers: Mapping[str, str], body: bytes) -> ApiError:
    """An answer that is no success, by the Status object in it; ``phrase`` is the status line's."""
    answer = _status_object(body)
    # kubectl shows an event or a column up to the first line's end.
    message = " ".join(str(answer.get("message") or phrase or f"HTTP {status}").split())
    retry_after = headers.get("Retry-After", "")
    return ApiError(
        status,
        str(answer.get("reason") or phrase),
        message if len(message) <= MAX_SHOWN else message[: MAX_SHOWN - 3] + "...",
        float(retry_after) if retry_after.isdigit() else None,
        [
            Cause(str(cause.get("field") or ""), str(cause.get("message") or "")[:MAX_SHOWN])
            for cause in (answer.get("details") or {}).get("causes") or ()
        ],
    )


def event_or_error(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a watch; ApiError when it says that the watch can't go on."""
    if event.get("type") == "ERROR":
        status = event.get("object") or {}
        raise ApiError(int(status.get("code") or 0), str(status.get("reason")), str(status.get("message")))
    return event


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body or "{}")
    except (TypeError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}
