"""The way out: name resolution, TLS settings, and the check of every address."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

from kotsapp.net.tls import client_context
from kotsapp.registry.config import RegistriesError, Tls
from kotsapp.registry.guard import AddressRefusedError, Guard
from kotsapp.registry.limits import RESOLVER_THREADS

T = TypeVar("T")


class TlsContexts:
    """One TLS context for all hosts, and one for each other setting: loading the CAs takes some 20 ms."""

    def __init__(self) -> None:
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def context(self, tls: Tls) -> ssl.SSLContext:
        """Raises RegistriesError when the CA file can't be read. SSL_CERT_FILE and SSL_CERT_DIR are honoured."""
        context = self._contexts.get(tls)
        if context is None:
            try:
                context = client_context(ca_file=tls.ca_file, insecure=tls.insecure_skip_verify)
            except OSError as error:
                raise RegistriesError(f"caFile: {tls.ca_file} holds no usable CA certificate ({error})") from error
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
