"""A person's own login at a registry, out of a Secret with registry logins, as a kubelet reads them.

Either form is taken: ``.dockerconfigjson`` (``kubectl create secret docker-registry``, or what ``docker login`` and
``helm registry login`` write) and the older ``.dockercfg``, which is the same without ``auths`` around it.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from kotsapp.images.reference import canonical_host
from kotsapp.registry.credential import Credential

# Docker's names for the API of a whole registry, in front of a path or alone.
_API_PATHS = ("v1", "v2")
_GLOB = frozenset("*?[")


class DockerConfigError(ValueError):
    """The content holds no logins, or its entry for the registry can't be used; nothing of it is quoted."""


def credential_for(content: bytes, registry: str, repository: str) -> Credential | None:
    """The login for a repository, None when there is none for its registry. Raises DockerConfigError.

    ``registry`` is a canonical host. As a kubelet does it, the entry with the longest path that the repository is
    below counts (``host/team`` before ``host``), and each part of a host may be a pattern (``*.azurecr.io``).
    """
    document = _document(content)
    found = [
        (len(path), _GLOB.isdisjoint(host), entry)
        for host, path, entry in _entries(document)
        if _is(registry, host) and (not path or f"{repository}/".startswith(f"{path}/"))
    ]
    if not found:
        return None
    entry = max(found, key=lambda one: one[:2])[2]
    username, password = _login(entry, registry, document)
    return Credential(username, password, frozenset({registry}), "password", any_realm=True)


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise DockerConfigError("it is not JSON") from None
    if not isinstance(document, dict):
        raise DockerConfigError('it has no "auths"')
    if "auths" not in document and _helper(document, "") is None:
        document = {"auths": document}  # .dockercfg
    if not isinstance(document.get("auths", {}), dict):
        raise DockerConfigError('it has no "auths"')
    return document


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Canonical host, path below it, and the entry. A registry whose login a helper keeps has one, too."""
    auths = document.get("auths") or {}
    helpers = document.get("credHelpers")
    for name in {**auths, **(helpers if isinstance(helpers, dict) else {})}:
        host, _, path = name.partition("://")[2].partition("/") if "://" in name else name.partition("/")
        first, _, rest = path.strip("/").partition("/")
        entry = auths.get(name, {})
        if isinstance(entry, dict):
            yield canonical_host(host), rest if first in _API_PATHS else path.strip("/"), entry


def _is(registry: str, host: str) -> bool:
    if registry == host or _GLOB.isdisjoint(host):
        return registry == host
    name, _, port = registry.partition(":")
    pattern, _, wanted = host.partition(":")
    parts, patterns = name.split("."), pattern.split(".")
    return port == wanted and len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _login(entry: Mapping[str, Any], registry: str, document: Mapping[str, Any]) -> tuple[str, str]:
    auth, username, password = entry.get("auth"), entry.get("username"), entry.get("password")
    if isinstance(auth, str) and auth.strip():
        try:
            username, colon, password = decoded(auth).partition(":")
        except ValueError:
            raise DockerConfigError(f"auth of its entry for {registry} is not base64") from None
        if not colon:
            raise DockerConfigError(f"auth of its entry for {registry} is not user:password")
    if isinstance(username, str) and isinstance(password, str) and username and password:
        return username, password
    if entry.get("identitytoken") or entry.get("registrytoken"):
        raise DockerConfigError(
            f"its entry for {registry} is a token (identitytoken), which no kubelet takes from a Secret, either: put a"
            " user name and a password there, such as those of a service principal or a robot account"
        )
    if (helper := _helper(document, registry)) is not None:
        raise DockerConfigError(
            f"its login for {registry} is in the credential helper {helper!r}, which only the machine that wrote it"
            " has: put a user name and a password there"
        )
    raise DockerConfigError(f"its entry for {registry} has no user name and password")


def decoded(auth: str) -> str:
    """``user:password`` of an entry, whose base64 may come without its padding. Raises ValueError."""
    auth = auth.strip()
    try:
        text = base64.b64decode(auth + "=" * (-len(auth) % 4), validate=True).decode()
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
    return text.rstrip("\0")  # as old versions of docker wrote it


def _helper(document: Mapping[str, Any], registry: str) -> str | None:
    """The name of the credential helper that has the registry's login, or that of any."""
    helpers = document.get("credHelpers")
    for name, helper in helpers.items() if isinstance(helpers, dict) else ():
        if registry in ("", canonical_host(name)):
            return str(helper)[:40]
    store = document.get("credsStore")
    return str(store)[:40] if store else None
