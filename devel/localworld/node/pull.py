"""Asking a registry for an image as a container runtime would, with skopeo."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localworld.reference import Reference

_CONCURRENT = 4
_SECONDS = 20
# Thousands of pods of one image ask once, yet a changed right shows within a moment.
_GOOD_SECONDS, _BAD_SECONDS = 10.0, 1.0
_MESSAGE = re.compile(r'level=fatal msg="((?:[^"\\]|\\.)*)"')
_PREFIX = re.compile(r'^Error parsing image name "docker://[^"]*": ')
_MOST_CREDENTIALS = 5


class PullError(Exception):
    """The image could not be pulled; the message is the registry's, as skopeo tells it."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came: the digest of the manifest, and the image's name by that digest."""

    digest: str
    image_id: str


@dataclass(slots=True)
class _Kept:
    until: float
    outcome: asyncio.Future[Pulled]


class Puller:
    """Pulls manifests through the hosts that registries.yaml maps; no other host is ever asked."""

    def __init__(self, skopeo: str, registries: Path) -> None:
        self._skopeo = skopeo
        self._registries = registries
        self._stamp = 0
        self._endpoints: dict[str, str] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT)
        self._kept: dict[tuple[Reference, str], _Kept] = {}

    async def pull(self, image: Reference, auths: Sequence[str]) -> Pulled:
        """Pull with the first of the credentials that works; without any, anonymously. PullError otherwise."""
        last = PullError("no credentials")
        for auth in list(auths)[:_MOST_CREDENTIALS] or [""]:
            try:
                return await self._once(image, auth)
            except PullError as error:
                last = error
        raise last

    async def _once(self, image: Reference, auth: str) -> Pulled:
        """One attempt; callers that want the same at the same time share it."""
        key = (image, auth)
        kept = self._kept.get(key)
        if kept is None or kept.until < time.monotonic():
            kept = _Kept(float("inf"), asyncio.ensure_future(self._ask(image, auth)))
            self._kept[key] = kept
        try:
            outcome = await asyncio.shield(kept.outcome)
        except PullError:
            kept.until = min(kept.until, time.monotonic() + _BAD_SECONDS)
            raise
        kept.until = min(kept.until, time.monotonic() + _GOOD_SECONDS)
        return outcome

    async def _ask(self, image: Reference, auth: str) -> Pulled:
        endpoint = self._endpoint(image.host)
        address = endpoint.removeprefix("http://")
        separator = "@" if image.by_digest else ":"
        target = f"docker://{address}/{image.repository}{separator}{image.selector}"
        async with self._slots:
            with tempfile.TemporaryDirectory(prefix="pull-") as home:
                access = ["--no-creds"]
                if auth:
                    authfile = Path(home) / "auth.json"
                    authfile.touch(mode=0o600)
                    authfile.write_text(json.dumps({"auths": {address: {"auth": auth}}}))
                    access = ["--authfile", str(authfile)]
                raw = await self._run(["inspect", "--raw", "--tls-verify=false", *access, target], home, image, address)
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if image.by_digest and digest != image.selector:
            raise PullError(f"{image.host} served {digest} for {image.selector}")
        return Pulled(digest, f"{image.host}/{image.repository}@{digest}")

    async def _run(self, argv: list[str], home: str, image: Reference, address: str) -> bytes:
        # A HOME of its own: no credential or setting of whoever runs the world plays a part.
        process = await asyncio.create_subprocess_exec(
            self._skopeo,
            f"--command-timeout={_SECONDS}s",
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), "HOME": home, "XDG_RUNTIME_DIR": home},
        )
        raw, errors = await process.communicate()
        if process.returncode:
            raise PullError(_message(errors.decode(errors="replace")).replace(address, image.host))
        return raw

    def _endpoint(self, host: str) -> str:
        stamp = self._registries.stat().st_mtime_ns
        if stamp != self._stamp:
            content = yaml.safe_load(self._registries.read_text())
            self._endpoints = {entry["host"]: entry["endpoint"] for entry in content["registries"]}
            self._stamp = stamp
        if host not in self._endpoints:
            raise PullError(f"dial tcp: lookup {host}: no such host")
        return self._endpoints[host]


def _message(errors: str) -> str:
    """What the registry said, without skopeo's own words around it."""
    found = _MESSAGE.search(errors)
    text = found.group(1) if found else errors
    # Line ends come escaped twice: by the registry client's error, and by the log line.
    text = re.sub(r"\\+n", " ", text).replace('\\"', '"')
    return " ".join(_PREFIX.sub("", text).split())
