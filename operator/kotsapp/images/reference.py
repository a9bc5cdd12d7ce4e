"""Image references, read by the grammar of the distribution project.

A reference is kept as it was written, because the license proxy is asked for exactly that spelling; what a
registry is asked for (canonical host, full repository) is derived from it.
"""

import re
from typing import NamedTuple

from kotsapp.regexes import regex

DOCKER_HUB = "docker.io"
DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
DEFAULT_TAG = "latest"

# distribution/reference: RepositoryNameTotalLengthMax, and a tag's own bound in the grammar.
MAX_REPOSITORY_LENGTH = 255
MAX_REFERENCE_LENGTH = 1024
# A proxy's host, its path and an app's slug in front of one.
MAX_PROXIED_LENGTH = 2 * MAX_REFERENCE_LENGTH

_HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

_DOMAIN = regex(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*+"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?"
)
_PATH = regex(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*+(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*+)*+")
# The license proxy's repositories are named after the reference as written, so that a registry's host may stand within
# the path, with its port and in any case. The grammar forbids both, and yet the proxy is asked for just that.
_PROXIED = regex(
    r"proxy/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*+/"
    rf"(?:(?=[^/]*[.:]|localhost/){_DOMAIN.pattern}/)?"
)
_OWN_PORT = regex(r":0*443\Z")
_TAG = regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER = regex(r"[a-f0-9]{64}")


class InvalidReferenceError(ValueError):
    """The text is no image reference. The message quotes it (shortened) and says which part is wrong."""

    def __init__(self, written: str, problem: str) -> None:
        shown = written if len(written) <= 120 else written[:117] + "..."
        super().__init__(f"{shown!r} is not an image reference: {problem}")


class Reference(NamedTuple):
    """One image reference.

    ``domain`` is the registry as written, None when there was none; ``path`` is the repository as written, without
    the domain; ``tag`` and ``digest`` are None when not written.
    """

    written: str
    domain: str | None
    path: str
    tag: str | None
    digest: str | None

    @property
    def host(self) -> str:
        """The registry's canonical name (``canonical_host``): ``docker.io`` where none is written."""
        return DOCKER_HUB if self.domain is None else canonical_host(self.domain)

    @property
    def repository(self) -> str:
        """The repository as the registry's API knows it: a one-part path on Docker Hub is under ``library/``."""
        if self.host == DOCKER_HUB and "/" not in self.path:
            return f"library/{self.path}"
        return self.path

    @property
    def target(self) -> str:
        """What a manifest is asked for by: the digest, else the tag, else ``latest``, as container runtimes do."""
        return self.digest or self.tag or DEFAULT_TAG

    @property
    def name(self) -> str:
        """The reference as written, without tag and digest."""
        return self.path if self.domain is None else f"{self.domain}/{self.path}"

    @property
    def suffix(self) -> str:
        """``:tag@digest`` as written, empty when there is neither."""
        return self.written[len(self.name) :]

    @property
    def refused_for(self) -> str | None:
        """Why container runtimes refuse a proxied reference: the host that the proxy spells out within the path has a
        port or upper case, where the grammar allows neither, or the path has grown too long. None when they take it."""
        if not _PATH.fullmatch(self.path):
            return "the host within its path"
        return "the length of its path" if len(self.path) > MAX_REPOSITORY_LENGTH else None

    def __str__(self) -> str:
        return self.written


def canonical_host(written: str) -> str:
    """A registry's one name for its spellings: lower case, without https's own port, ``docker.io`` for Docker Hub's."""
    host = without_own_port(written.lower())
    return DOCKER_HUB if host in DOCKER_HUB_NAMES else host


def without_own_port(host: str) -> str:
    """The host as written, but for the port that https has anyway."""
    return _OWN_PORT.sub("", host)


def parse(written: str) -> Reference:
    """Read a reference; raises InvalidReferenceError.

    The first path part is a registry only if it has a ``.`` or a ``:`` or is ``localhost``. Beyond the grammar, a path
    ``proxy/<app slug>/`` may be followed by a registry's host as it was written, port and all, and by a path that is as
    long as it may be without that.
    """
    if not written:
        raise InvalidReferenceError(written, "it is empty")
    if len(written) > (MAX_PROXIED_LENGTH if "/proxy/" in written else MAX_REFERENCE_LENGTH):
        raise InvalidReferenceError(written, f"it is longer than {MAX_REFERENCE_LENGTH} characters")
    if _IDENTIFIER.fullmatch(written):
        raise InvalidReferenceError(written, "64 hexadecimal digits are an image ID, not a name")
    domain, rest = _split_domain(written)
    if domain is not None and not _DOMAIN.fullmatch(domain):
        raise InvalidReferenceError(written, f"{domain!r} is not a registry host")
    rest, digest = _split_digest(written, rest)
    proxied = _PROXIED.match(rest) if domain is not None else None
    through = proxied[0] if proxied else ""
    path, colon, tag = rest[len(through) :].partition(":")
    if not _PATH.fullmatch(path):
        lower = _PATH.fullmatch(path.lower()) is not None
        reason = "a repository is lower case" if lower else f"{through + path!r} is not a repository path"
        raise InvalidReferenceError(written, reason)
    if len(path) > MAX_REPOSITORY_LENGTH:
        raise InvalidReferenceError(written, f"its repository is longer than {MAX_REPOSITORY_LENGTH} characters")
    if colon and not _TAG.fullmatch(tag):
        raise InvalidReferenceError(written, f"{tag!r} is not a tag")
    return Reference(written, domain, through + path, tag if colon else None, digest)


def strip_tag_and_digest(written: str) -> str:
    """The text without tag and digest; everything else keeps its spelling, valid reference or not."""
    name = written.partition("@")[0]
    colon = name.rfind(":")
    return name[:colon] if colon > name.rfind("/") else name


def _split_domain(written: str) -> tuple[str | None, str]:
    first, slash, rest = written.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return None, written


def _split_digest(written: str, rest: str) -> tuple[str, str | None]:
    rest, at, digest = rest.partition("@")
    if not at:
        return rest, None
    algorithm, _, encoded = digest.partition(":")
    length = _HEX_LENGTHS.get(algorithm)
    if length is None:
        raise InvalidReferenceError(written, f"{digest[:80]!r} is not a digest (sha256, sha384 or sha512)")
    if not re.fullmatch(rf"[a-f0-9]{{{length}}}", encoded):
        raise InvalidReferenceError(written, f"a {algorithm} digest has {length} lower-case hexadecimal digits")
    return rest, digest
