"""Pushing images by the distribution spec's own requests: no container engine is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from localworld.registries.image import Image, Manifest

# By which the world's own requests are told from those under test.
USER_AGENT = "localworld-push"
_TIMEOUT_SECONDS = 30.0


class PushError(RuntimeError):
    """The registry refused a part of an image; the message has the request and the answer."""


class Pusher:
    """Pushes to one registry.

    `token_url` is the registry's token service, for one with token auth; else the credentials go to the
    registry itself, as Basic auth, or nowhere when there are none.
    """

    def __init__(self, endpoint: str, user: str = "", password: str = "", *, token_url: str = "") -> None:
        self._basic = httpx.BasicAuth(user, password) if user else None
        self._token_url = token_url
        self._client = httpx.Client(
            base_url=endpoint,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            headers={"User-Agent": USER_AGENT},
            auth=None if token_url else self._basic,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def push(self, repository: str, tag: str, image: Image) -> str:
        """Push the image under the tag; the digest that the tag now has. PushError when something is refused."""
        headers = self._headers(repository)
        for digest, content in image.blobs.items():
            self._blob(repository, digest, content, headers)
        for manifest in image.platforms:
            self._manifest(repository, manifest.digest, manifest, headers)
        self._manifest(repository, tag, image.top, headers)
        return image.top.digest

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest, and with it every tag that points there."""
        headers = self._headers(repository)
        self._checked(self._client.delete(f"/v2/{repository}/manifests/{digest}", headers=headers))

    def _blob(self, repository: str, digest: str, content: bytes, headers: dict[str, str]) -> None:
        blob = self._client.head(f"/v2/{repository}/blobs/{digest}", headers=headers)
        if blob.is_success:
            return
        begun = self._checked(self._client.post(f"/v2/{repository}/blobs/uploads/", headers=headers))
        location = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
        self._checked(
            self._client.put(location, content=content, headers={**headers, "Content-Type": "application/octet-stream"})
        )

    def _manifest(self, repository: str, selector: str, manifest: Manifest, headers: dict[str, str]) -> None:
        self._checked(
            self._client.put(
                f"/v2/{repository}/manifests/{selector}",
                content=manifest.content,
                headers={**headers, "Content-Type": manifest.media_type},
            )
        )

    def _headers(self, repository: str) -> dict[str, str]:
        if not self._token_url:
            return {}
        answer = self._client.get(
            self._token_url,
            params={"scope": f"repository:{repository}:pull,push,delete"},
            auth=self._basic or httpx.USE_CLIENT_DEFAULT,
        )
        return {"Authorization": f"Bearer {self._checked(answer).json()['token']}"}

    @staticmethod
    def _checked(answer: httpx.Response) -> httpx.Response:
        if not answer.is_success:
            request = answer.request
            raise PushError(f"{request.method} {request.url}: {answer.status_code} {answer.text[:200]}")
        return answer
