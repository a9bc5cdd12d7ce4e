"""The way out: name resolution, TLS settings, and the check of every address."""

import _thread
import asyncio
import contextlib
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.net.tls import client_context
from kotsapp.registry.asker import Asker, asker
from kotsapp.registry.config import RegistriesError, Tls
from kotsapp.registry.guard import AddressRefusedError, Guard
from kotsapp.registry.limits import DNS_CACHE, MAX_DNS_CACHE, RESOLVER_THREADS

T = TypeVar("T")
_Name = tuple[str, int, socket.AddressFamily]


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
    """getaddrinfo in threads of its own: a silent name server must hold up neither the process nor its end.

    The threads are shared fairly between those on whose behalf names are looked up, and what is found is kept for
    DNS_CACHE seconds. Whoever looks a name up waits for nobody else's slot.
    """

    def __init__(self, threads: int = RESOLVER_THREADS) -> None:
        self._threads = FairQueue(threads, spare=True)
        self._kept: OrderedDict[_Name, tuple[float, list[ResolveResult]]] = OrderedDict()
        self._under_way: dict[tuple[Tenant, _Name], asyncio.Future[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The host's addresses; raises OSError."""
        name, who = (host, port, family), asker.get(None) or Asker()
        found = self._fresh(name)
        if found is None:
            looking = self._under_way.get((who.tenant, name)) or await self._look_up(name, who)
            found = self._fresh(name) if looking is None else await asyncio.shield(looking)
        return list(found or ())

    async def close(self) -> None:
        """Nothing is waited for: what is still looked up ends with the process."""

    def _fresh(self, name: _Name) -> list[ResolveResult] | None:
        until, found = self._kept.get(name, (0.0, []))
        return found if monotonic() < until else None

    async def _look_up(self, name: _Name, who: Asker) -> asyncio.Future[list[ResolveResult]] | None:
        """The look-up that is under way, once there is a thread for it; None if it is known by then."""
        who.queue()
        # Nobody cancels a look-up whose question is over: aiohttp shields it.
        async with asyncio.timeout_at(who.until):
            await self._threads.take(who.tenant)
        who.proceed()
        key = (who.tenant, name)
        if key in self._under_way or self._fresh(name) is not None:
            self._threads.give_back(who.tenant)
            return self._under_way.get(key)
        looking = _in_daemon_thread(partial(_addresses, *name), lambda: self._threads.give_back(who.tenant))
        self._under_way[key] = looking
        looking.add_done_callback(lambda _: self._looked_up(name, who.tenant, looking))
        return looking

    def _looked_up(self, name: _Name, tenant: Tenant, looking: "asyncio.Future[list[ResolveResult]]") -> None:
        self._under_way.pop((tenant, name), None)
        if looking.cancelled() or looking.exception() is not None:
            return
        self._kept[name] = (monotonic() + DNS_CACHE, looking.result())
        self._kept.move_to_end(name)
        while len(self._kept) > MAX_DNS_CACHE:
            self._kept.popitem(last=False)


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        raise OSError("not a host name") from error
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return [
        ResolveResult(hostname=host, host=str(where[0]), port=port, family=kind, proto=protocol, flags=flags)
        for kind, _, protocol, _, where in found
        if kind in {socket.AF_INET, socket.AF_INET6}
    ]


def _in_daemon_thread(work: Callable[[], T], ended: Callable[[], None]) -> "asyncio.Future[T]":
    """What ``work`` returns or raises; ``ended`` is called in the loop when it is over, awaited or not.

    An executor's threads are joined when the interpreter ends, however long that takes; these are not.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def complete(outcome: Callable[[], None]) -> None:
        ended()
        if not result.done():
            outcome()

    def run() -> None:
        try:
            outcome: Callable[[], None] = partial(result.set_result, work())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            outcome = partial(result.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(complete, outcome)

    try:
        # Thread.start waits until the new thread runs: a second for a hundred of them, on a machine without time.
        _thread.start_new_thread(run, ())
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
