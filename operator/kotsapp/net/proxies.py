"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as Go's programs read them (golang.org/x/net/http/httpproxy).

What OpenShift, Rancher and OLM inject is written for kubectl and for the kubelet's container runtime: CIDRs,
``*.example.com``, ports. A registry is then reached from here the way that the node reaches it.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

Address = IPv4Address | IPv6Address
Matcher = Callable[[str, Address | None, str], bool]

_SCHEMES = frozenset({"http", "https"})
_CIDR = re.compile(r"[0-9a-f.:]+/[0-9]{1,3}")
_HOST_PORT = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[^:]*)")


class ProxyError(OSError):
    """The environment or a kubeconfig names a proxy that can't be used; the message says why, without the URL."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an environment, and the hosts that are reached without them."""

    http: str | None
    https: str | None
    exceptions: tuple[Matcher, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Proxies":
        """As the environment is now; of two spellings, the one in capitals counts. Nothing is refused yet."""
        return cls(
            _either(environ, "HTTP_PROXY"), _either(environ, "HTTPS_PROXY"), _matchers(_either(environ, "NO_PROXY"))
        )

    def proxy_for(self, url: URL) -> str | None:
        """The proxy's URL for an http or https URL; None to connect directly, as to loopback always.

        Raises ProxyError for a proxy that can't be used: going around it would not be what was asked for.
        """
        written = {"http": self.http, "https": self.https}.get(url.scheme)
        host = url.raw_host
        if written is None or not host or self._is_excepted(host, str(url.port or "")):
            return None
        return proxy_url(written, f"{url.scheme.upper()}_PROXY")

    def _is_excepted(self, host: str, port: str) -> bool:
        host = host.lower()
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(matches(host, address, port) for matches in self.exceptions)


def proxy_url(written: str, where: str) -> str:
    """A proxy's URL as it is used; ``where`` is what holds it. Without a scheme it is http. Raises ProxyError."""
    text = written.strip() if "://" in written else f"http://{written.strip()}"
    try:
        url = URL(text)
        if url.host and url.scheme not in _SCHEMES:
            raise ProxyError(f"{where}: a {url.scheme} proxy can't be used, only http and https")
        usable = bool(url.host) and url.port is not None
    except (ValueError, IndexError):  # what yarl raises for text that is no URL
        usable = False
    if not usable:
        raise ProxyError(f"{where}: expected http://HOST:PORT")
    return text


def _either(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name) or environ.get(name.lower()) or None


def _matchers(no_proxy: str | None) -> tuple[Matcher, ...]:
    """One for each entry; what can't be read is left out, as Go does."""
    entries = [entry.strip().lower() for entry in (no_proxy or "").split(",")]
    if "*" in entries:
        return (lambda _host, _address, _port: True,)
    return tuple(matcher for entry in entries if (matcher := _matcher(entry)) is not None)


def _matcher(entry: str) -> Matcher | None:
    if _CIDR.fullmatch(entry):
        try:
            return _in_network(entry)
        except ValueError:
            pass
    split = _HOST_PORT.fullmatch(entry)
    host, port = (split["six"] or split["host"] or "", split["port"]) if split else (entry, "")
    address = _address(host, zone=False)
    if address is not None:
        return lambda _host, asked, asked_port: asked == address and port in {"", asked_port}
    if not host:
        return None
    return _in_domain(host, port)


def _in_network(entry: str) -> Matcher:
    """Raises ValueError for what is no CIDR. Bits of the host part are dropped."""
    network = ip_network(entry, strict=False)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        network = ip_network(f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}")
    return lambda _host, address, _port: address is not None and address in network


def _in_domain(host: str, port: str) -> Matcher:
    """``example.com`` is the name and all below it; ``.example.com`` and ``*.example.com`` are those below it alone."""
    suffix = _ascii(host.removeprefix("*") if host.startswith("*.") else host)
    itself = None if suffix.startswith(".") else suffix
    below = suffix if itself is None else f".{suffix}"
    return lambda asked, address, asked_port: (
        address is None and (asked == itself or asked.endswith(below)) and port in {"", asked_port}
    )


def _ascii(host: str) -> str:
    """A name as it is asked for, like URL.raw_host; unchanged where that can't be."""
    if host.isascii():
        return host
    dot = "." if host.startswith(".") else ""
    try:
        return dot + (URL.build(scheme="http", host=host.removeprefix(".")).raw_host or host)
    except (ValueError, IndexError):
        return host


def _address(host: str, *, zone: bool = True) -> Address | None:
    """The address that is written there, IPv4 where it is one inside IPv6; None for a name. ``zone`` allows %eth0."""
    if "%" in host and not zone:
        return None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
