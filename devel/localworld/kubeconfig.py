"""kubeconfig files, self-contained: certificates and keys are embedded, so a file can be copied anywhere."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from localworld.pki import KeyPair

_NAME = "localworld"


def write_for_certificate(path: Path, *, server: str, ca: Path, pair: KeyPair) -> Path:
    """A kubeconfig that authenticates with a client certificate."""
    user = {"client-certificate-data": _embed(pair.cert), "client-key-data": _embed(pair.key)}
    return _write(path, server, ca, user, "default")


def write_for_token(path: Path, *, server: str, ca: Path, token: str, namespace: str) -> Path:
    """A kubeconfig that authenticates with a bearer token, with `namespace` as its default namespace."""
    return _write(path, server, ca, {"token": token}, namespace)


def _write(path: Path, server: str, ca: Path, user: dict[str, str], namespace: str) -> Path:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _NAME,
        "clusters": [{"name": _NAME, "cluster": {"server": server, "certificate-authority-data": _embed(ca)}}],
        "users": [{"name": _NAME, "user": user}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": namespace}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def _embed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
