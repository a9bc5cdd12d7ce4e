"""Answers that are no success, in the API server's own words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.fakekube.kinds import Kind


class RefusedError(Exception):
    """``body`` is a Status object, or text where no such path is served."""

    def __init__(self, status: int, phrase: str, body: Mapping[str, Any] | str, retry_after: int | None = None) -> None:
        super().__init__(body["message"] if isinstance(body, Mapping) else body)
        self.status = status
        self.phrase = phrase
        self.body = body
        self.retry_after = retry_after


_PHRASES = {
    400: ("Bad Request", "BadRequest"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "Forbidden"),
    404: ("Not Found", "NotFound"),
    405: ("Method Not Allowed", "MethodNotAllowed"),
    409: ("Conflict", "Conflict"),
    410: ("Gone", "Expired"),
    415: ("Unsupported Media Type", "UnsupportedMediaType"),
    422: ("Unprocessable Entity", "Invalid"),
    429: ("Too Many Requests", "TooManyRequests"),
    500: ("Internal Server Error", "InternalError"),
    503: ("Service Unavailable", "ServiceUnavailable"),
    504: ("Gateway Timeout", "Timeout"),
}


def refused(
    status: int, message: str, reason: str | None = None, details: Mapping[str, Any] | None = None
) -> RefusedError:
    phrase, usual = _PHRASES[status]
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": usual if reason is None else reason,
        "code": status,
    }
    if details:
        body["details"] = dict(details)
    return RefusedError(status, phrase, body, 1 if status == 429 else None)


def no_path() -> RefusedError:
    return RefusedError(404, "Not Found", "404 page not found\n")


def not_found(kind: Kind, name: str) -> RefusedError:
    return refused(404, f'{kind.qualified} "{name}" not found', details=_details(kind, name))


def already_exists(kind: Kind, name: str) -> RefusedError:
    message = f'{kind.qualified} "{name}" already exists'
    return refused(409, message, "AlreadyExists", _details(kind, name))


def modified_since(kind: Kind, name: str) -> RefusedError:
    message = (
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been modified; please apply your'
        " changes to the latest version and try again"
    )
    return refused(409, message, details=_details(kind, name))


def precondition_failed(kind: Kind, name: str, wanted: str, found: str) -> RefusedError:
    message = (
        f'Operation cannot be fulfilled on {kind.kind} "{name}": the UID in the precondition ({wanted}) does not match'
        f" the UID in record ({found}). The object might have been deleted and then recreated"
    )
    return refused(409, message, details=_details(kind, name))


def version_precondition_failed(kind: Kind, name: str, wanted: str, found: str) -> RefusedError:
    message = (
        f'Operation cannot be fulfilled on {kind.kind} "{name}": the ResourceVersion in the precondition ({wanted})'
        f" does not match the ResourceVersion in record ({found}). The object might have been modified"
    )
    return refused(409, message, details=_details(kind, name))


def apply_conflict(message: str, causes: Sequence[tuple[str, str]]) -> RefusedError:
    listed = [{"reason": "FieldManagerConflict", "message": text, "field": path} for text, path in causes]
    return refused(409, message, details={"causes": listed})


def forbidden(kind: Kind, name: str, why: str) -> RefusedError:
    return refused(403, f'{kind.qualified} "{name}" is forbidden: {why}', details=_details(kind, name))


def invalid(kind: Kind, name: str, causes: Iterable[tuple[str, str, str]]) -> RefusedError:
    """``causes`` are a reason (``FieldValueInvalid``), a field and a message each."""
    listed = [{"reason": reason, "message": text, "field": path} for reason, path, text in causes]
    messages = [f"{cause['field']}: {cause['message']}" for cause in listed]
    shown = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    message = f'{kind.qualified_kind} "{name}" is invalid: {shown}'
    details = {"name": name, "group": kind.group, "kind": kind.kind, "causes": listed}
    return refused(422, message, details=details)


def not_typed(kind: Kind, namespace: str, name: str, fault: str) -> RefusedError:
    """An apply of what its schema doesn't allow; the API server calls that an internal error."""
    place = f"{namespace}/{name}" if namespace else f"/{name}"
    message = f"failed to create typed patch object ({place}; {kind.api_version}, Kind={kind.kind}): {fault}"
    return refused(500, message, "")


def expired(message: str = "The resourceVersion for the provided watch is too old.") -> RefusedError:
    return refused(410, message)


def _details(kind: Kind, name: str) -> dict[str, Any]:
    return {"name": name, "kind": kind.plural} | ({"group": kind.group} if kind.group else {})
