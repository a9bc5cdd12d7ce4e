"""Where an image is pulled from: directly, through the license proxy, or from the Replicated registry."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from kotsapp.images.reference import Reference, canonical_host

DEFAULT_PROXY_DOMAIN = "proxy.replicated.com"
DEFAULT_REGISTRY_DOMAIN = "registry.replicated.com"


class Route(StrEnum):
    """How pods pull an image. Proxy and Registry need the license's pull secret."""

    DIRECT = "Direct"
    PROXY = "Proxy"
    REGISTRY = "Registry"

    @property
    def needs_secret(self) -> bool:
        return self is not Route.DIRECT


class Domains(NamedTuple):
    """The hosts that the license opens: ``proxy`` serves private images, ``registry`` the vendor's own ones.

    ``beside`` are further ones, from which images are pulled as they are written. ``named`` are proxies that somebody
    names and a stronger wish overrules: images that are there already are left alone, and the license opens them.
    """

    proxy: str = DEFAULT_PROXY_DOMAIN
    registry: str = DEFAULT_REGISTRY_DOMAIN
    beside: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """Every host that is shown the license id."""
        return frozenset({self.proxy, self.registry, *self.beside})

    def opening(self, references: Iterable[Reference]) -> "Domains":
        """The same, and beside them the hosts of images that are left alone, as those spell them.

        The default proxy beside a custom one, and a port or upper case: a kubelet finds a credential by text.
        """
        spelled = {one.domain for one in references if one.domain is not None and self._leaves_alone(one)}
        beside = spelled - self.hosts
        return self._replace(beside=(*self.beside, *sorted(beside))) if beside else self

    def is_proxy(self, host: str) -> bool:
        """The default proxy and all custom ones count: an image that is there already is left alone."""
        known = (DEFAULT_PROXY_DOMAIN, self.proxy, *self.named)
        return canonical_host(host) in {canonical_host(one) for one in known}

    def is_registry(self, host: str) -> bool:
        return canonical_host(host) in {DEFAULT_REGISTRY_DOMAIN, canonical_host(self.registry)}

    def replaces_registry(self, host: str) -> bool:
        """Whether a custom domain takes the place of this one, which is the vendor's registry."""
        return canonical_host(host) == DEFAULT_REGISTRY_DOMAIN != canonical_host(self.registry)

    def _leaves_alone(self, reference: Reference) -> bool:
        if self.is_proxy(reference.host):
            return True
        return self.is_registry(reference.host) and not self.replaces_registry(reference.host)


def pull_reference(reference: Reference, route: Route, domains: Domains, app_slug: str) -> str:
    """The reference that pods use; spelling, port, tag and digest are kept.

    Idempotent: a reference on a proxy domain, whichever the route, comes back unchanged, and so does one on the
    custom registry domain. So does ``/proxy/<own slug>/`` on any host, a vendor's own domain written out (DESIGN 3):
    whether the license opens it is another question.
    """
    written_out = reference.domain is not None and reference.path.startswith(f"proxy/{app_slug}/")
    if route is Route.DIRECT or domains.is_proxy(reference.host) or written_out:
        return reference.written
    if route is Route.REGISTRY:
        if domains.replaces_registry(reference.host):
            return f"{domains.registry}/{reference.path}{reference.suffix}"
        return reference.written
    return f"{domains.proxy}/proxy/{app_slug}/{reference.written}"
