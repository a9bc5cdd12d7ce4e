"""Where an image is pulled from: directly, through the license proxy, or from the Replicated registry."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from kotsapp.images.reference import Reference

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


@dataclass(frozen=True, slots=True)
class Domains:
    """The hosts that the license opens: ``proxy`` serves private images, ``registry`` the vendor's own ones.

    ``beside`` are further ones, from which images are pulled as they are written.
    """

    proxy: str = DEFAULT_PROXY_DOMAIN
    registry: str = DEFAULT_REGISTRY_DOMAIN
    beside: tuple[str, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """Every host that is shown the license id."""
        return frozenset({self.proxy, self.registry, *self.beside})

    def opening(self, references: Iterable[Reference]) -> "Domains":
        """The same, and the default proxy beside a custom one, where one of the images is left alone."""
        if self.proxy == DEFAULT_PROXY_DOMAIN or all(one.host != DEFAULT_PROXY_DOMAIN for one in references):
            return self
        return replace(self, beside=(DEFAULT_PROXY_DOMAIN,))

    def is_proxy(self, host: str) -> bool:
        """Both the default proxy and the custom one count: an image that is there already is left alone."""
        return host in {DEFAULT_PROXY_DOMAIN, self.proxy.lower()}

    def is_registry(self, host: str) -> bool:
        return host in {DEFAULT_REGISTRY_DOMAIN, self.registry.lower()}


def pull_reference(reference: Reference, route: Route, domains: Domains, app_slug: str) -> str:
    """The reference that pods use; spelling, port, tag and digest are kept.

    Idempotent: a reference on a proxy domain, whichever the route, comes back unchanged, and so does one on the
    custom registry domain.
    """
    if route is Route.DIRECT or domains.is_proxy(reference.host):
        return reference.written
    if route is Route.REGISTRY:
        if reference.host == DEFAULT_REGISTRY_DOMAIN and domains.registry != DEFAULT_REGISTRY_DOMAIN:
            return f"{domains.registry}/{reference.path}{reference.suffix}"
        return reference.written
    return f"{domains.proxy}/proxy/{app_slug}/{reference.written}"
