"""Where a request may go. Image references, realms and redirects are other people's text; the network is ours.

Two gates: ``Guard.registry``, ``service``, ``realm`` and ``redirect`` judge the URL; ``refusal`` judges the very
address that a socket is about to connect to, so that a name which resolves differently the second time gains nothing.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import inet_aton, inet_ntoa

from yarl import URL

from kotsapp.images.reference import Reference
from kotsapp.registry.config import UNREADABLE, Registries, Tls
from kotsapp.registry.limits import MAX_URL

Address = IPv4Address | IPv6Address

# Instance metadata outside the link-local ranges: Alibaba, Oracle, Azure's wire server, EC2 and EKS over IPv6.
_METADATA = frozenset(
    ip_address(text)
    for text in ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254")
)
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598: neither private nor global to Python, used inside clusters
# The last 32 bits are an IPv4 address: RFC 6052, RFC 8215's local prefix, RFC 2765's translated addresses.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::ffff:0:0:0/96"))
_UNIQUE_LOCAL = ip_network("fc00::/7")
_SITE_LOCAL = ip_network("fec0::/10")  # RFC 3879: deprecated, still somebody's own network
# Printable ASCII but for the backslash, which some readers of URLs take for a slash.
_URL_CHARACTERS = re.compile(r"[!-\[\]-~]*")


class Refused(Exception):  # noqa: N818 - an answer of the guard, read as one: "refused: ..."
    """A URL that must not be asked; the message says why, without the URL's path and query."""


class Unusable(Refused):
    """Text that is no URL which anybody could ask."""


class AddressRefusedError(OSError):
    """An address that must not be connected to, seen when the socket is made."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that passed: ``name`` is the host to report, ``trusted`` lifts the address check."""

    url: URL
    name: str
    trusted: bool
    tls: Tls

    @property
    def origin(self) -> URL:
        return self.url.origin()

    @property
    def is_mapped(self) -> bool:
        """Whether the administrator's file says where this name really is, so that the way there is his choice."""
        return self.trusted and _authority(self.url) != self.name


class Guard:
    """Judges URLs; ``allow_private`` False also refuses the private ranges (RFC 1918, RFC 4193, RFC 6598)."""

    def __init__(self, registries: Registries, *, allow_private: bool = True) -> None:
        self._registries = registries
        self._allow_private = allow_private

    def registry(self, reference: Reference) -> Destination:
        """Where the reference's manifest is asked for; raises Refused."""
        return self.at(reference.host, f"/v2/{reference.repository}/manifests/{reference.target}")

    def at(self, registry: str, path: str, query: str = "") -> Destination:
        """Where a path of a registry's API is, which the caller has written or checked; raises Refused."""
        try:
            host = self._registries.host(registry)
            url = host.endpoint.with_path(path, encoded=True)
            if query:
                url = URL(f"{url}?{query}", encoded=True)
            if not host.trusted:
                self._check_host(url)
        except UNREADABLE:
            raise Refused("its name is not a host name") from None
        return Destination(url, host.host, host.trusted, host.tls)

    def service(self, text: str) -> Destination:
        """A URL that a signed document names, such as a license's endpoint; raises Refused.

        https at a host of its own, unless the administrator's file says where that host is.
        """
        url = _url(text)
        return self._mapped(url) or self._public(url)

    def realm(self, text: str, asked: Destination) -> Destination:
        """Where a challenge sends for a token; raises Refused.

        A registry whose endpoint the administrator wrote may name any realm, over http and on loopback too.
        """
        url = _url(text)
        mapped = self._mapped(url)
        if mapped is not None:
            return mapped
        if asked.trusted:
            return Destination(url, _authority(url), True, self._tls(url, asked))
        return self._public(url, asked)

    def redirect(self, text: str, asked: Destination) -> Destination:
        """Where a redirect leads; raises Refused. Never to http, except inside what the administrator wrote."""
        try:
            absolute = str(asked.url.join(URL(text, encoded=True))) if len(text) <= MAX_URL else text
        except UNREADABLE:
            raise Refused("it is not a URL") from None
        url = _url(absolute)
        if asked.trusted and url.origin() == asked.origin:
            return Destination(url, asked.name, True, asked.tls)
        return self._mapped(url) or self._public(url, asked)

    def refusal(self, address: str) -> str | None:
        """Why a socket must not be connected to this address; None when it may."""
        return forbidden(address, allow_private=self._allow_private)

    def _mapped(self, url: URL) -> Destination | None:
        entry = self._registries.at(url.origin())
        if entry is not None:
            return Destination(url, entry.host, True, entry.tls)
        entry = self._registries.listed(_authority(url))
        # With http, too: a server behind a front that ends TLS often doesn't know its own scheme.
        if entry is not None:
            moved = entry.endpoint.with_path(url.raw_path, encoded=True)
            return Destination(URL(f"{moved}?{url.raw_query_string}", encoded=True), entry.host, True, entry.tls)
        return None

    def _public(self, url: URL, asked: Destination | None = None) -> Destination:
        if url.scheme != "https":
            host = _authority(url)
            at = asked.origin if asked is not None and url.host == asked.url.host else f"https://{host}"
            way_out = f'the registries file can say where it really is: {{host: {host}, endpoint: "{at}"}}'
            raise Refused(f"{host} is not asked over plain http; {way_out}")
        self._check_host(url)
        return Destination(url, _authority(url), False, self._tls(url, asked))

    def _tls(self, url: URL, asked: Destination | None) -> Tls:
        """How the next host's certificate is checked: as its own entry says, else with the CA of who sent us there.

        Skipping the check is for the very host that it was written for.
        """
        if asked is not None and url.host == asked.url.host:
            return asked.tls
        return self._registries.tls(_authority(url)) or Tls(asked.tls.ca_file if asked is not None else None)

    def _check_host(self, url: URL) -> None:
        host = (url.host or "").rstrip(".").lower()
        if host == "localhost" or host.endswith(".localhost") or host in _METADATA_NAMES:
            raise Refused(f"{_authority(url)} is the operator's own machine or cloud, not a registry")
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            if (address := _meant(host)) is not None:
                raise Refused(f"{_authority(url)} is an IP address in another form: write {address}") from None
            return
        reason = self.refusal(host)
        if reason is not None:
            raise Refused(f"{_authority(url)} is {reason}")


def _meant(host: str) -> str | None:
    """The address that inet_aton, and so a proxy's resolver, makes of ``127.1`` or ``2130706433``; None for a name."""
    try:
        return inet_ntoa(inet_aton(host))
    except (OSError, ValueError):  # ValueError: characters that no C string has
        return None


def forbidden(text: str, *, allow_private: bool) -> str | None:
    """Why an IP address is out of bounds (loopback, link-local, metadata ...); None when it is not."""
    address = _plain(ip_address(text.partition("%")[0]))
    if address in _METADATA:
        return "a cloud's metadata address"
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    if address.is_unspecified:
        return "the unspecified address"
    if address.is_multicast or address == IPv4Address("255.255.255.255"):
        return "a multicast or broadcast address"
    if address in IPv4Network("0.0.0.0/8"):
        return "an address of this network itself"
    if not allow_private and _is_private(address):
        return "a private address, and private networks are denied"
    return None


def _is_private(address: Address) -> bool:
    return address.is_private or address in _SHARED or address in _UNIQUE_LOCAL or address in _SITE_LOCAL


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, compatible, 6to4, translated), which kernel or gateway unwraps."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    is_compatible = int(address) >> 32 == 0 and int(address) > 1
    if inner is None and (is_compatible or any(address in network for network in _TRANSLATED)):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _url(text: str) -> URL:
    if len(text) > MAX_URL:
        raise Unusable(f"it is longer than {MAX_URL} characters")
    if not _URL_CHARACTERS.fullmatch(text):
        raise Unusable("it is not a URL")
    try:
        url = URL(text, encoded=True)
        usable = url.scheme in {"http", "https"} and bool(url.host and _authority(url)) and url.port is not None
    except UNREADABLE:
        usable = False
    if not usable:
        raise Unusable("it is not an http or https URL")
    if url.raw_user is not None or url.raw_password is not None:
        raise Refused(f"{_authority(url)} comes with a user name in its URL")
    return url.with_fragment(None)


def _authority(url: URL) -> str:
    """``host[:port]`` as in image references: the scheme's own port is not written."""
    return url.host_port_subcomponent or ""
