"""Which credentials of a pod's pull secrets fit an image: the kubelet's rules for `.dockerconfigjson`."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localworld.reference import Reference

_HUB_KEY = "index.docker.io"
_SECRET_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a pull secret: `where` is a host, with a path if it has one; `auth` is base64 of user:password."""

    where: str
    auth: str = field(repr=False)


def entries(secret: Mapping[str, Any]) -> list[Entry]:
    """The entries of a Secret object; none when it is of another type, or not what its type promises."""
    key = _SECRET_KEYS.get(secret.get("type", ""))
    if key is None:
        return []
    try:
        content = json.loads(base64.b64decode((secret.get("data") or {}).get(key, ""), validate=True))
        auths = content["auths"] if key == ".dockerconfigjson" else content
        return [Entry(_where(name), auth) for name, value in auths.items() if (auth := _auth(value))]
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        return []


def matching(found: Iterable[Entry], image: Reference) -> list[str]:
    """The `auth` values that fit the image, the most specific first, each once."""
    target = f"{image.host}/{image.repository}"
    ordered = sorted(found, key=lambda entry: entry.where, reverse=True)
    fits = [entry.auth for entry in ordered if _fits(entry.where, target)]
    if not fits and image.host == "docker.io":
        fits = [entry.auth for entry in ordered if entry.where == _HUB_KEY]
    return list(dict.fromkeys(fits))


def _where(name: str) -> str:
    host, slash, path = name.removeprefix("https://").removeprefix("http://").partition("/")
    path = f"{slash}{path}"
    for version in ("/v1/", "/v2/"):
        path = "/" + path.removeprefix(version) if path.startswith(version) else path
    return host + path.rstrip("/")


def _auth(value: Mapping[str, str]) -> str:
    if value.get("auth"):
        return value["auth"]
    if "username" in value and "password" in value:
        return base64.b64encode(f"{value['username']}:{value['password']}".encode()).decode()
    return ""


def _fits(where: str, target: str) -> bool:
    host, _, path = where.partition("/")
    target_host, _, target_path = target.partition("/")
    labels, target_labels = host.split("."), target_host.split(".")
    return (
        len(labels) == len(target_labels)
        and all(map(fnmatchcase, target_labels, labels))
        and target_path.startswith(path)
    )
