"""A credential, the license's or a person's own, bound to the hosts that may see it."""

import hashlib
import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote

from kotsapp.images.reference import canonical_host

# The vendor's documented token services; everywhere else a realm must be on the asked host itself.
TOKEN_SERVICES = frozenset({"proxy.replicated.com", "registry.replicated.com", "proxy-auth.replicated.com"})

# Keys of caches are compared, logged by accident, seen in dumps: a salted digest says nothing about the id.
_SALT = secrets.token_bytes(16)

# Shorter passwords are in many a URL by chance; a license id has 27 characters.
_MIN_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and password for ``hosts`` and no other host; neither is ever printed.

    ``secret`` is how messages call the password. ``any_realm`` is for a person's own login: it goes to whichever token
    service (https) its registry names, as docker and helm send it there.
    """

    username: str = field(repr=False)
    password: str = field(repr=False)
    hosts: frozenset[str]
    secret: str = "license id"  # noqa: S105 - a word for it
    any_realm: bool = False

    def __post_init__(self) -> None:
        # References compare by their canonical host; a domain is whatever somebody typed.
        object.__setattr__(self, "hosts", frozenset(canonical_host(host) for host in self.hosts))

    @property
    def basic(self) -> str:
        """The Authorization header's value (RFC 7617)."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def key(self) -> bytes:
        """Tells credentials and their hosts apart in caches, without holding one."""
        identity = "\0".join((self.username, self.password, str(self.any_realm), *sorted(self.hosts)))
        return hashlib.blake2b(identity.encode(), key=_SALT, digest_size=16).digest()

    def is_in(self, url: str) -> bool:
        """Whether the URL's text shows the password, in any case: host names are read without regard to it."""
        return len(self.password) >= _MIN_SHOWN and self.password.lower() in unquote(url).lower()

    def __str__(self) -> str:
        return f"a credential for {', '.join(sorted(self.hosts))}"
