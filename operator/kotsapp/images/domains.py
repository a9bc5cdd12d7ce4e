"""Which hosts the license opens: the most specific wish wins, for the proxy and for the registry apart."""

from typing import NamedTuple

from kotsapp.images.reference import InvalidReferenceError, parse
from kotsapp.images.routing import DEFAULT_PROXY_DOMAIN, DEFAULT_REGISTRY_DOMAIN, Domains


class CustomDomains(NamedTuple):
    """Hosts that one party names in place of the vendor's defaults; None and empty text name none."""

    proxy: str | None = None
    registry: str | None = None


_NOBODYS = CustomDomains()


def resolve_domains(
    spec: CustomDomains = _NOBODYS,
    release: CustomDomains = _NOBODYS,
    application: CustomDomains = _NOBODYS,
    license_proxy: str | None = None,
    embedded_proxy: str | None = None,
) -> Domains:
    """The KotsApp's ``spec.proxy``, else what the channel's release came with, else its Application, else the license,
    else the vendor's defaults (DESIGN 5).

    A license names no registry domain. No image is routed to the domain of an Embedded Cluster, but the vendor may
    have written images with it.
    """
    proxy = spec.proxy or release.proxy or application.proxy or license_proxy or DEFAULT_PROXY_DOMAIN
    others = (release.proxy, application.proxy, license_proxy, embedded_proxy)
    named = dict.fromkeys(one for one in others if one and one != proxy)
    return Domains(
        proxy=proxy,
        registry=spec.registry or release.registry or application.registry or DEFAULT_REGISTRY_DOMAIN,
        named=tuple(named),
    )


def is_domain(text: str) -> bool:
    """Whether ``text`` can stand first in an image reference: a host with a dot or a port, no scheme, no path."""
    try:
        reference = parse(f"{text}/image")
    except InvalidReferenceError:
        return False
    return reference.domain == text
