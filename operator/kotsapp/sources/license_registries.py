"""Which registries a license opens, and may see its id, before anything of a release is known. Pure."""

from kotsapp.images.reference import canonical_host
from kotsapp.images.routing import DEFAULT_PROXY_DOMAIN, DEFAULT_REGISTRY_DOMAIN
from kotsapp.license import License


def opened_by(license: License, *wishes: str | None) -> frozenset[str]:
    """The vendor's own ones, those of ``wishes`` (``spec.proxy``), and the proxy that the license is signed for.

    Not those that a release names: it is what is to be fetched, and nobody vouches for it.
    """
    signed = license.proxy_domain if license.verified else None
    named = (DEFAULT_PROXY_DOMAIN, DEFAULT_REGISTRY_DOMAIN, signed, *wishes)
    return frozenset(canonical_host(host) for host in named if host)
