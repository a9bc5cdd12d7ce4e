"""The administrator's registries file: where a registry really is, whom to trust for TLS, how many requests at once.

Its entries are the administrator's word, so an endpoint written there may be http, on loopback or on a private
network. Everything else is reached by https at the host's own name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from yarl import URL

from kotsapp.images.reference import DOCKER_HUB, canonical_host
from kotsapp.net.tls import client_context
from kotsapp.registry.limits import DEFAULT_MAX_CONCURRENT, MAX_MAX_CONCURRENT, MAX_REGISTRIES_FILE

# Docker Hub's name in references is not the name of the machine that answers.
DOCKER_HUB_ENDPOINT = "https://registry-1.docker.io"

# What yarl raises for text that is no URL: brackets with nothing in them are an IndexError to it.
UNREADABLE = (ValueError, IndexError)

T = TypeVar("T")

_KEYS = frozenset({"host", "endpoint", "caFile", "insecureSkipVerify", "maxConcurrent"})


class RegistriesError(ValueError):
    """The registries file can't be used; the message names the file, the entry, the key and what to do."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How a host's certificate is checked: the system's CAs, a CA file of its own, or not at all."""

    ca_file: str | None = None
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class RegistryHost:
    """One registry: ``host`` as in references, ``endpoint`` as ``scheme://host[:port]``.

    ``trusted`` is True when the administrator wrote the endpoint: then plain http and loopback are his decision.
    """

    host: str
    endpoint: URL
    trusted: bool = False
    tls: Tls = Tls()
    max_concurrent: int = DEFAULT_MAX_CONCURRENT


class Registries:
    """What the registries file says, by host. Immutable."""

    def __init__(self, entries: Mapping[str, RegistryHost]) -> None:
        self._entries = dict(entries)
        self._trusted_origins = {entry.endpoint.origin(): entry for entry in entries.values() if entry.trusted}

    @classmethod
    def empty(cls) -> "Registries":
        return cls({})

    @classmethod
    def load(cls, path: str | Path) -> "Registries":
        """Read a registries file; raises RegistriesError."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_REGISTRIES_FILE + 1)
        except OSError as error:
            raise RegistriesError(f"{path}: {error.strerror or error}") from error
        if len(data) > MAX_REGISTRIES_FILE:
            raise RegistriesError(f"{path}: larger than {MAX_REGISTRIES_FILE} bytes; is it a registries file?")
        try:
            document = yaml.safe_load(data)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise RegistriesError(f"{path}: not YAML: {' '.join(str(error).split()) or 'nested too deep'}") from error
        return cls.read(document, origin=str(path))

    @classmethod
    def read(cls, document: Any, origin: str) -> "Registries":
        """The parsed document ``{"registries": [{"host": ..., ...}]}``; ``origin`` is named in RegistriesError."""
        if document is None:
            return cls.empty()
        if not isinstance(document, dict) or not isinstance(document.get("registries"), list):
            raise RegistriesError(f"{origin}: expected a mapping with the list 'registries'")
        for key in document:
            if key != "registries":
                raise RegistriesError(f"{origin}: unknown key {key!r}; the only one is 'registries'")
        entries: dict[str, RegistryHost] = {}
        for number, item in enumerate(document["registries"], start=1):
            entry = _entry(item, f"{origin}: registries entry {number}")
            if entry.host in entries:
                raise RegistriesError(f"{origin}: registries entry {number}: {entry.host} has an entry already")
            entries[entry.host] = entry
        return cls(entries)

    def host(self, host: str) -> RegistryHost:
        """The registry for a reference's canonical host; its own name over https when the file doesn't list it.

        Raises one of UNREADABLE for a host that can't be one in a URL, such as one with port 99999.
        """
        host = canonical_host(host)
        return self._entries.get(host) or RegistryHost(host, _default_endpoint(host))

    def max_concurrent(self, host: str) -> int:
        """How many requests the registry may get at once, for any text that stands where a host does."""
        entry = self._entries.get(canonical_host(host))
        return DEFAULT_MAX_CONCURRENT if entry is None else entry.max_concurrent

    def listed_limit(self, authority: str) -> int | None:
        """How many requests the file lets a URL's ``host[:port]`` get at once, None when it doesn't list it."""
        entry = self._entries.get(canonical_host(authority))
        return None if entry is None else entry.max_concurrent

    def listed(self, authority: str) -> RegistryHost | None:
        """The entry, with an endpoint of its own, for a URL's ``host[:port]``: a token service can be mapped too."""
        entry = self._entries.get(canonical_host(authority))
        return entry if entry is not None and entry.trusted else None

    def tls(self, authority: str) -> Tls | None:
        """How the certificate of a URL's ``host[:port]`` is checked, None when the file doesn't list it."""
        entry = self._entries.get(canonical_host(authority))
        return None if entry is None else entry.tls

    def at(self, origin: URL) -> RegistryHost | None:
        """The entry whose written endpoint is this origin."""
        return self._trusted_origins.get(origin)


def _default_endpoint(host: str) -> URL:
    return URL(DOCKER_HUB_ENDPOINT if host == DOCKER_HUB else f"https://{host}")


def _entry(item: Any, where: str) -> RegistryHost:
    if not isinstance(item, dict):
        raise RegistriesError(f"{where}: expected a mapping, found {item!r:.80}")
    for key in item:
        if key not in _KEYS:
            raise RegistriesError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(_KEYS))}")
    host = item.get("host")
    if not isinstance(host, str) or not host or "/" in host or any(not "!" <= char <= "~" for char in host):
        raise RegistriesError(f"{where}: host: expected a registry host as in image references, found {host!r}")
    where = f"{where} ({host})"
    host = canonical_host(host)
    ca_file = _typed(item, "caFile", str, where)
    if ca_file is not None:
        _check_ca(ca_file, where)
    insecure = _typed(item, "insecureSkipVerify", bool, where) or False
    written = _typed(item, "endpoint", str, where)
    try:
        default = _default_endpoint(host)
    except UNREADABLE as error:
        raise RegistriesError(f"{where}: host: {error}") from error
    return RegistryHost(
        host=host,
        endpoint=default if written is None else _endpoint(written, where),
        trusted=written is not None,
        tls=Tls(ca_file, insecure),
        max_concurrent=_max_concurrent(item, where),
    )


def _check_ca(ca_file: str, where: str) -> None:
    if not Path(ca_file).is_file():
        raise RegistriesError(f"{where}: caFile: {ca_file} is not a file")
    try:
        client_context(ca_file=ca_file, system=False)
    except OSError:
        raise RegistriesError(f"{where}: caFile: {ca_file} holds no PEM certificate that can be used") from None


def _endpoint(written: str, where: str) -> URL:
    try:
        url = URL(written)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except UNREADABLE:
        usable = False
    if not usable:
        raise RegistriesError(f"{where}: endpoint: expected http://HOST[:PORT] or https://..., found {written!r:.120}")
    if url.user is not None or url.password is not None:
        raise RegistriesError(f"{where}: endpoint: no user name or password here: images are probed anonymously")
    if url.path not in {"", "/"} or url.query_string or url.fragment:
        raise RegistriesError(f"{where}: endpoint: only scheme, host and port; found {written!r:.120}")
    return url.origin()


def _max_concurrent(item: Mapping[str, Any], where: str) -> int:
    value = _typed(item, "maxConcurrent", int, where)
    if value is None:
        return DEFAULT_MAX_CONCURRENT
    if not 1 <= value <= MAX_MAX_CONCURRENT:
        raise RegistriesError(f"{where}: maxConcurrent: expected 1 to {MAX_MAX_CONCURRENT}, found {value}")
    return value


def _typed(item: Mapping[str, Any], key: str, kind: type[T], where: str) -> T | None:
    value = item.get(key)
    # bool is an int to Python, not to whoever writes the file.
    if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    names = {str: "a string", bool: "true or false", int: "a whole number"}
    raise RegistriesError(f"{where}: {key}: expected {names[kind]}, found {value!r:.80}")
