"""An item of ``spec.manifests`` that names an artifact in an OCI registry, as a frozen value."""

import re
from dataclasses import dataclass

from kotsapp.images.reference import InvalidReferenceError, canonical_host
from kotsapp.images.reference import parse as parse_reference
from kotsapp.sources import oci_manifest, semver

SCHEME = "oci://"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class InvalidOciRefError(ValueError):
    """The message says what is wrong with it, and what it looks like."""


@dataclass(frozen=True, slots=True)
class OciRef:
    """``registry`` is the canonical host; of ``tag``, ``version`` (one, or a range) and ``digest`` one is set.

    ``secret`` names a Secret with a login, ``release`` the Helm release that its chart becomes: both are None where the
    spec names none.
    """

    url: str
    registry: str
    repository: str
    tag: str | None = None
    version: str | None = None
    digest: str | None = None
    secret: str | None = None
    release: str | None = None

    @property
    def name(self) -> str:
        """What messages and status call it, and under which it is kept: the same for every version of it."""
        return self.url if self.release is None else f"{self.url} (release {self.release})"

    @property
    def place(self) -> str:
        """The repository with its registry."""
        return self.url.removeprefix(SCHEME)


def read(
    url: str,
    *,
    tag: str | None = None,
    version: str | None = None,
    digest: str | None = None,
    secret: str | None = None,
    release: str | None = None,
) -> OciRef:
    """Raises InvalidOciRefError."""
    if sum(one is not None for one in (tag, version, digest)) != 1:
        raise InvalidOciRefError("exactly one of version, tag and digest must be set")
    if not url.startswith(SCHEME):
        raise InvalidOciRefError(f"url: {url[:80]!r} must begin with oci://, such as oci://ghcr.io/my-org/charts/shop")
    if tag is not None and not _TAG.fullmatch(tag):
        raise InvalidOciRefError(f"tag: {tag[:80]!r} is not a tag")
    try:
        reference = parse_reference(url.removeprefix(SCHEME))
    except InvalidReferenceError as error:
        raise InvalidOciRefError(f"url: {error}") from None
    if reference.domain is None:
        raise InvalidOciRefError(
            f"url: {url[:80]!r} must name a registry's host with a dot or a port, such as oci://ghcr.io/my-org/charts/shop"
        )
    if reference.tag is not None or reference.digest is not None:
        raise InvalidOciRefError(f"url: {url[:80]!r} must have no tag and no digest: they are fields of their own")
    if digest is not None and not oci_manifest.is_digest(digest):
        raise InvalidOciRefError(f"digest: {digest[:80]!r} must be sha256: and 64 lower-case hexadecimal digits")
    if version is not None and semver.parse(version) is None:
        try:
            semver.Range.parse(version)
        except semver.InvalidRangeError as error:
            raise InvalidOciRefError(f"version: {error}; other tags go into tag") from None
    return OciRef(url, canonical_host(reference.domain), reference.repository, tag, version, digest, secret, release)
