"""Which hosts the license opens: the most specific wish wins, for the proxy and for the registry apart."""

from kotsapp.images.reference import InvalidReferenceError, parse
from kotsapp.images.routing import DEFAULT_PROXY_DOMAIN, DEFAULT_REGISTRY_DOMAIN, Domains


def resolve_domains(
    *,
    spec_proxy: str | None = None,
    spec_registry: str | None = None,
    release_proxy: str | None = None,
    release_registry: str | None = None,
    application_proxy: str | None = None,
    application_registry: str | None = None,
    license_proxy: str | None = None,
    embedded_proxy: str | None = None,
) -> Domains:
    """The KotsApp's ``spec.proxy``, else what the channel's release came with, else its Application, else the license,
    else the vendor's defaults (DESIGN 5).

    Empty text counts as not given. A license names no registry domain. The domain of an Embedded Cluster is none that
    images are routed to, but one at which the vendor may have written them out.
    """
    proxy = spec_proxy or release_proxy or application_proxy or license_proxy or DEFAULT_PROXY_DOMAIN
    others = (release_proxy, application_proxy, license_proxy, embedded_proxy)
    named = dict.fromkeys(one for one in others if one and one != proxy)
    return Domains(
        proxy=proxy,
        registry=spec_registry or release_registry or application_registry or DEFAULT_REGISTRY_DOMAIN,
        named=tuple(named),
    )


def is_domain(text: str) -> bool:
    """Whether ``text`` can stand first in an image reference: a host with a dot or a port, no scheme, no path."""
    try:
        reference = parse(f"{text}/image")
    except InvalidReferenceError:
        return False
    return reference.domain == text
