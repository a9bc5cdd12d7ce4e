"""Which hosts are shown the license id, and what is reported where nobody signed that (docs/licenses.md). Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.images.routing import Domains
from kotsapp.license import License
from kotsapp.reconcile.events import Event, EventReason
from kotsapp.release.kots import Application
from kotsapp.text import listed

# One host may be spelled in many ways in a release's images.
MAX_HOSTS = 20


@dataclass(frozen=True, slots=True)
class LicenseHosts:
    """``hosts`` by name, and ``unsigned`` those among them that the release alone names.

    ``overridden`` says what is wrong where that is in place of one that the license has signed, and is empty elsewhere.
    """

    hosts: tuple[str, ...]
    unsigned: tuple[str, ...] = ()
    overridden: str = ""

    def events(self, before: Mapping[str, Any]) -> list[Event]:
        """What is new since the status' license ``before``."""
        known = before.get("hosts") or ()
        new = [host for host in self.unsigned if host not in known]
        if not new:
            return []
        if self.overridden:
            return [Event(EventReason.LICENSE_DOMAIN_OVERRIDDEN, self.overridden, warning=True)]
        return [
            Event(EventReason.LICENSE_HOSTS, f"the license id is sent to {listed(new, MAX_HOSTS)}, as the release says")
        ]


def license_hosts(
    license: License,
    vouched: Collection[str | None],
    application: Application,
    domains: Domains,
    fetched_from: Collection[str] = (),
) -> LicenseHosts:
    """``vouched`` are the hosts that count more than the Application's: the KotsApp's own wish, and what the endpoint
    that the license has signed says of the channel's release. ``fetched_from`` are registries of sources that the
    license opens."""
    signed = license.proxy_domain if license.verified else None
    named = (application.proxy_domain, application.registry_domain, application.embedded_proxy_domain)
    unsigned = {host for host in named if host} & domains.hosts - {*vouched, signed}
    overridden = ""
    if signed and domains.proxy == application.proxy_domain and domains.proxy in unsigned:
        overridden = (
            f"the license id is sent to {domains.proxy}: the release's Application, which nobody signed, names it in"
            f" place of {signed}, which the license has signed. If it is not the vendor's, set spec.proxy.domain to"
            f" {signed}"
        )
    hosts = sorted({*domains.hosts, *fetched_from})
    return LicenseHosts(tuple(hosts[:MAX_HOSTS]), tuple(sorted(unsigned)), overridden)
