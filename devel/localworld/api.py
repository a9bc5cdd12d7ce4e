"""A small synchronous client for a world's API server: what setting up a world and its tests needs."""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING, Any

import httpx

from localworld.patience import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localworld.pki import KeyPair

_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.05
_CONFLICT = 409
_BUSY = 429
# A server that has just started serves custom resources a moment later than it says that it is ready.
_BUSY_SECONDS = 20.0


class ApiError(RuntimeError):
    """The API server refused a request; `status` is the HTTP status."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"{method} {path}: {status} {message}")
        self.status = status


class Api:
    """Requests by path, such as `/api/v1/namespaces/default/pods`, with objects as plain dicts."""

    def __init__(self, server: str, ca: Path, pair: KeyPair) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(pair.cert, pair.key)
        self._client = httpx.Client(base_url=server, verify=context, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ready(self) -> bool:
        """Whether the server says that it is ready."""
        try:
            return self._client.get("/readyz", timeout=2.0).is_success
        except httpx.TransportError:
            return False

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """One request, asked again while the server is busy; ApiError when it is refused."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if content is not None else {}
        end = time.monotonic() + _BUSY_SECONDS * patience()
        while True:
            answer = self._client.request(method, path, content=content, params=params, headers=headers)
            if answer.status_code != _BUSY or time.monotonic() > end:
                break
            time.sleep(_POLL_SECONDS)
        parsed = _parsed(answer)
        if not answer.is_success:
            raise ApiError(method, path, answer.status_code, str(parsed.get("message") or answer.text[:200]))
        return parsed

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """GET; ApiError with status 404 when there is no such object."""
        return self.request("GET", path, params=params or None)

    def create(self, path: str, body: Mapping[str, Any], *, exists_ok: bool = False) -> dict[str, Any]:
        """POST to a collection; with `exists_ok` an object that is there already is no error, and is not changed."""
        try:
            return self.request("POST", path, body)
        except ApiError as error:
            if exists_ok and error.status == _CONFLICT:
                return {}
            raise

    def merge(self, path: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """A JSON merge patch."""
        return self.request("PATCH", path, patch, content_type="application/merge-patch+json")

    def apply(self, path: str, body: Mapping[str, Any], *, manager: str = "localworld") -> dict[str, Any]:
        """A server-side apply, forced."""
        params = {"fieldManager": manager, "force": "true"}
        return self.request("PATCH", path, body, params=params, content_type="application/apply-patch+yaml")

    def delete(self, path: str, **params: str) -> dict[str, Any]:
        """DELETE; ApiError with status 404 when there is no such object."""
        return self.request("DELETE", path, params=params or None)

    def wait(
        self,
        path: str,
        holds: Callable[[dict[str, Any]], bool],
        *,
        seconds: float = 30.0,
    ) -> dict[str, Any]:
        """Read the object until `holds(object)`; TimeoutError, which shows the last reading, after `seconds`.

        An object that is not there (yet) does not hold. On a busy machine there are more seconds.
        """
        began = time.monotonic()
        last: object = None
        while (waited := time.monotonic() - began) < seconds * patience():
            try:
                found = self.get(path)
            except (ApiError, httpx.TransportError) as error:
                last = error
            else:
                if holds(found):
                    return found
                last = found.get("status", found)
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"{path} after {waited:.0f} s: {str(last)[:2000]}")


def _parsed(answer: httpx.Response) -> dict[str, Any]:
    try:
        parsed = answer.json()
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
