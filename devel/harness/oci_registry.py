"""An OCI registry that is asked in process, without a socket: for tests in virtual time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from kotsapp.registry.client import Answer
from kotsapp.registry.evidence import Evidence, Login, NoAnswer, Stage, Trouble
from kotsapp.registry.repository import LoginRefusedError, Repository, RepositoryClient, Wanted

if TYPE_CHECKING:
    from localworld.registries.image import Image


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class OciRegistry(RepositoryClient):
    """Every repository is here, by registry and name. ``opened_by`` are the passwords that open some; ``down`` is a
    registry that nobody reaches, ``status`` what it answers instead, ``asked`` who asked for what with which password.
    """

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    opened_by: dict[str, str] = field(default_factory=dict)
    down: bool = False
    status: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def push(self, place: str, tag: str, image: Image) -> str:
        """``place`` is ``host/repository``; the digest that the tag now has."""
        self.blobs |= {**image.blobs, image.top.digest: image.top.content}
        self.tags.setdefault(place, {})[tag] = image.top.digest
        return image.top.digest

    async def ask(self, of: Repository, wanted: Wanted) -> Answer:
        place = f"{of.registry}/{of.name}"
        password = of.credential.password if of.credential is not None else ""
        self.asked.append((f"{wanted.method} {place}{wanted.path}", of.registry, password))
        if self.down:
            raise NoAnswer(Trouble.CONNECT, of.registry, "can't be reached: connection refused")
        if self.status:
            return Answer(self.status, httpx.Headers())
        if self.opened_by.get(place, password) != password:
            raise LoginRefusedError(Evidence(Stage.MANIFEST, of.registry, 401, login=Login.BEARER))
        return self._answer(place, wanted)

    def _answer(self, place: str, wanted: Wanted) -> Answer:
        if wanted.path == "/tags/list":
            return Answer(200, httpx.Headers(), json.dumps({"tags": list(self.tags.get(place, ()))}).encode())
        target = wanted.path.rpartition("/")[2]
        content = self.blobs.get(self.tags.get(place, {}).get(target, target))
        if content is None:
            return Answer(404, httpx.Headers())
        headers = httpx.Headers({"Docker-Content-Digest": _digest(content)})
        return Answer(200, headers, b"" if wanted.method == "HEAD" else content)
