"""The way out: proxy environment variables, name resolution, TLS settings, and the check of every address."""

import asyncio
import contextlib
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kotsapp.registry.config import RegistriesError, Tls
from kotsapp.registry.guard import AddressRefusedError, Guard
from kotsapp.registry.limits import RESOLVER_THREADS

T = TypeVar("T")


class EnvironmentProxies:
    """HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, as they were at start."""

    def __init__(self) -> None:
        self._proxies = {
            scheme: url for scheme, url in urllib.request.getproxies_environment().items() if scheme != "no"
        }

    def proxy_for(self, url: URL) -> str | None:
        """The proxy for a URL, or None to connect directly. Loopback never goes through one."""
        if not self._proxies or url.host is None:
            return None
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if proxy is None or url.host in {"localhost", "127.0.0.1", "::1"}:
            return None
        if urllib.request.proxy_bypass(f"{url.host}:{url.port}"):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"


class TlsContexts:
    """One TLS context for all hosts, and one for each other setting: loading the CAs takes some 20 ms."""

    def __init__(self) -> None:
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def context(self, tls: Tls) -> ssl.SSLContext:
        """Raises RegistriesError when the CA file can't be read. SSL_CERT_FILE and SSL_CERT_DIR are honoured."""
        context = self._contexts.get(tls)
        if context is None:
            try:
                context = ssl.create_default_context()
                if tls.ca_file is not None:
                    context.load_verify_locations(tls.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise RegistriesError(f"caFile: {tls.ca_file} holds no usable CA certificate ({error})") from error
            if tls.insecure_skip_verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[tls] = context
        return context


class Resolver(AbstractResolver):
    """getaddrinfo in threads of its own: a silent name server must hold up neither the process nor its end."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(RESOLVER_THREADS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The host's addresses; raises OSError."""
        look_up = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        await self._free.acquire()
        try:
            found = await _in_daemon_thread(look_up, self._free.release)
        except UnicodeError as error:
            raise OSError("not a host name") from error
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(where[0]), port=port, family=kind, proto=protocol, flags=flags)
            for kind, _, protocol, _, where in found
            if kind in {socket.AF_INET, socket.AF_INET6}
        ]

    async def close(self) -> None:
        """Nothing is waited for: what is still looked up ends with the process."""


def _in_daemon_thread(work: Callable[[], T], ended: Callable[[], None]) -> "asyncio.Future[T]":
    """What ``work`` returns or raises; ``ended`` is called in the loop when it is over, awaited or not.

    An executor's threads are joined when the interpreter ends, however long that takes; a daemon's are not.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        ended()
        if not result.done():
            outcome()

    def run() -> None:
        try:
            outcome: Callable[[], None] = partial(result.set_result, work())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            outcome = partial(result.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, outcome)

    try:
        threading.Thread(target=run, name="resolve", daemon=True).start()
    except RuntimeError as error:
        ended()
        raise OSError(f"no thread to look it up: {error}") from error
    return result


def guarded_socket(guard: Guard, address: tuple[Any, ...]) -> socket.socket:
    """A socket for one address of getaddrinfo's form; raises AddressRefusedError. Called right before the connect."""
    family, kind, protocol, _, where = address
    reason = guard.refusal(str(where[0]))
    if reason is not None:
        raise AddressRefusedError(f"it is at {reason}")
    return plain_socket((family, kind, protocol, "", where))


def plain_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket without Nagle's delay."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    with contextlib.suppress(OSError):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
