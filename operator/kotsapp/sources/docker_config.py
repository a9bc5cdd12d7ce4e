"""A person's own login at a registry, out of a dockerconfigjson (``kubectl create secret docker-registry``)."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from kotsapp.images.reference import canonical_host
from kotsapp.registry.credential import Credential

# Docker's names for the API of a whole registry.
_API_PATHS = frozenset({"", "v1", "v2"})


class DockerConfigError(ValueError):
    """The content is no dockerconfigjson, or its entry for the registry can't be used; nothing of it is quoted."""


def credential_for(content: bytes, registry: str, repository: str) -> Credential | None:
    """The login for a repository, None when there is none for its registry. Raises DockerConfigError.

    ``registry`` is a canonical host. As a kubelet does it, the entry with the longest path that the repository is
    below counts: ``host/team`` before ``host``.
    """
    found = [
        (len(path), entry)
        for host, path, entry in _entries(content)
        if host == registry and (not path or f"{repository}/".startswith(f"{path}/"))
    ]
    if not found:
        return None
    entry = max(found, key=lambda one: one[0])[1]
    username, password = _login(entry, registry)
    return Credential(username, password, frozenset({registry}), "password", any_realm=True)


def _entries(content: bytes) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Canonical host, path below it, and the entry."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise DockerConfigError("it is not JSON") from None
    auths = document.get("auths") if isinstance(document, dict) else None
    if not isinstance(auths, dict):
        raise DockerConfigError('it has no "auths"')
    for name, entry in auths.items():
        host, _, path = name.partition("://")[2].partition("/") if "://" in name else name.partition("/")
        path = path.strip("/")
        if isinstance(entry, dict):
            yield canonical_host(host), "" if path in _API_PATHS else path, entry


def _login(entry: Mapping[str, Any], registry: str) -> tuple[str, str]:
    auth, username, password = entry.get("auth"), entry.get("username"), entry.get("password")
    if isinstance(auth, str) and auth:
        try:
            username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise DockerConfigError(f"auth of its entry for {registry} is not base64") from None
        if not colon:
            raise DockerConfigError(f"auth of its entry for {registry} is not user:password")
    if isinstance(username, str) and isinstance(password, str) and username and password:
        return username, password
    if entry.get("identitytoken") or entry.get("registrytoken"):
        raise DockerConfigError(f"its entry for {registry} is a token, and no user name and password: put those there")
    raise DockerConfigError(f"its entry for {registry} has no user name and password")
