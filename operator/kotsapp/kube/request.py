"""One request to the API server, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` is what follows the server's URL; ``body`` is sent as JSON, with None as nothing.

    ``user`` is whom the request impersonates, instead of being made with the connection's own identity.
    """

    method: str
    path: str
    body: Any = None
    query: Sequence[tuple[str, str]] = ()
    accept: str = JSON
    content_type: str = JSON
    user: str | None = None

    def impersonating(self, user: str | None) -> "Request":
        """The same request, made as ``user``."""
        return replace(self, user=user)
