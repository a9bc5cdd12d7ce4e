"""All registries of one world, their token server, and who may pull what."""

from __future__ import annotations

import dataclasses
import os
import secrets
import sys
from typing import TYPE_CHECKING

import httpx
import yaml

from localworld import layout, reference
from localworld.layout import LICENSE_USER, PROXY, VENDOR_REGISTRY
from localworld.pki import write_signing_pair
from localworld.ports import LOOPBACK, free_port
from localworld.process import Child
from localworld.registries import image
from localworld.registries.push import USER_AGENT, Pusher
from localworld.registries.registry import Registry, TokenAuth
from localworld.registries.tokens import Account, Service, TokenFiles, TokenRequest
from localworld.registries.tokenserver import ISSUER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from localworld.programs.binaries import Binaries

_PUSHER = "pusher"
_TOKEN_SERVER_SECONDS = 20.0


def greeting(_reference: str, /) -> image.Content:
    """What is in every image where nothing runs it."""
    return image.GREETING


class Registries:
    """The registries of `layout.HOSTS` and whatever other names point at them."""

    def __init__(
        self,
        binaries: Binaries,
        folder: Path,
        address: str = LOOPBACK,
        contents: Callable[[str], image.Content] = greeting,
    ) -> None:
        self.file = folder / "registries.yaml"
        self._contents = contents
        pair = write_signing_pair(folder, "token")
        self._files = TokenFiles(folder)
        self._password = secrets.token_urlsafe(12)
        port = free_port()
        self._token_url = f"http://{address}:{port}"
        self.token_server = Child(
            "token server",
            [sys.executable, "-m", "localworld.registries.tokenserver", folder, address, str(port)],
            log=folder / "logs" / "token-server.log",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._files.write({host.name: self._with_pusher(host) for host in layout.HOSTS if host.auth == "token"})
        self._by_host: dict[str, Registry] = {}
        for host in layout.HOSTS:
            realm = f"{self._token_url}/token/{host.name}"
            token_auth = TokenAuth(realm=realm, issuer=ISSUER, certificate=pair.cert)
            self._by_host[host.name] = Registry(binaries.docker_registry, folder, host, token_auth, address)
        self._by_host[layout.BASIC_HOST].set_users({_PUSHER: self._password})
        self._names: dict[str, Registry] = dict(self._by_host)
        self._elsewhere: dict[str, str] = {}
        self._pushers: dict[str, Pusher] = {}
        self._followers: list[Callable[[dict[str, str]], None]] = []
        self._write_file()

    @property
    def children(self) -> list[Child]:
        """Every process, the token server first."""
        return [self.token_server, *self._by_host.values()]

    @property
    def endpoints(self) -> dict[str, str]:
        """Where each host name, aliases included, really is."""
        return {name: registry.endpoint for name, registry in self._names.items()} | self._elsewhere

    def follow(self, follower: Callable[[dict[str, str]], None]) -> None:
        """Call with `endpoints` now, and whenever they change."""
        self._followers.append(follower)
        follower(self.endpoints)

    def __getitem__(self, host: str) -> Registry:
        """The registry that a host name stands for; KeyError for one that the world does not have."""
        return self._names[host]

    def start(self) -> None:
        """Start every process, without waiting."""
        for child in self.children:
            child.start()

    def wait_ready(self) -> None:
        """Wait until every one serves."""
        self.token_server.wait_until(self._token_server_answers, seconds=_TOKEN_SERVER_SECONDS)
        for registry in self._by_host.values():
            registry.wait_ready()

    def stop(self) -> None:
        """End every process."""
        for pusher in self._pushers.values():
            pusher.close()
        for child in self.children:
            child.stop()

    def push(self, text: str, *, multi_arch: bool = False) -> str:
        """Push an image for the reference; its digest. KeyError when the world has no such registry."""
        return self.push_built(text, image.build(text, self._contents(text), multi_arch=multi_arch))

    def push_built(self, text: str, built: image.Image) -> str:
        """Push an image that was made elsewhere under the reference; its digest."""
        ref = reference.parse(text)
        return self._pusher(ref.host).push(ref.repository, ref.selector, built)

    def pusher_login(self, host: str) -> tuple[str, str]:
        """User and password of who may push everything, for clients such as helm; empty where nobody is asked."""
        return ("", "") if self[host].host.auth == "open" else (_PUSHER, self._password)

    def delete(self, text: str, digest: str) -> None:
        """Take a manifest away from the repository that the reference names."""
        ref = reference.parse(text)
        self._pusher(ref.host).delete(ref.repository, digest)

    def allow_license(self, license_id: str, slugs: Iterable[str] = ()) -> None:
        """Let the license pull from the proxy and the vendor registry: the apps named, or everything."""
        apps = tuple(slugs)
        self._replace_license(
            license_id,
            {
                PROXY: tuple(f"proxy/{slug}/*" for slug in apps) or ("*",),
                VENDOR_REGISTRY: tuple(f"{slug}/*" for slug in apps) or ("*",),
            },
        )

    def deny_license(self, license_id: str) -> None:
        """Refuse the license from now on; tokens that it has got stay valid for up to a minute."""
        self._replace_license(license_id, {})

    def allow_user(self, host: str, user: str, password: str, pull: Iterable[str] = ("*",)) -> None:
        """Let a user pull from a registry with Basic or token auth; `pull` counts for token auth alone."""
        registry = self[host]
        if registry.host.auth == "basic":
            registry.set_users({**registry.users, user: password})
            return
        account = Account(user, password, pull=tuple(pull))
        self.configure(host, lambda service: dataclasses.replace(service, accounts=(*service.accounts, account)))

    def make_public(self, host: str, *patterns: str) -> None:
        """Let anybody pull the repositories; `*` in a pattern matches slashes too."""
        self.configure(host, lambda service: dataclasses.replace(service, public=(*service.public, *patterns)))

    def make_private(self, host: str, *patterns: str) -> None:
        """Take patterns back that `layout` or `make_public` gave; KeyError when the host has no token auth."""
        self.configure(
            host,
            lambda service: dataclasses.replace(
                service, public=tuple(pattern for pattern in service.public if pattern not in patterns)
            ),
        )

    def configure(self, host: str, change: Callable[[Service], Service]) -> None:
        """Change a host's token service, such as its latency or expiry; in force from the next request on."""
        services = self._files.read()
        name = self[host].host.name
        services[name] = change(services[name])
        self._files.write(services)

    def token_requests(self, host: str | None = None) -> list[TokenRequest]:
        """The token requests that were answered, of one host or all, but for those that pushed the world's images."""
        name = self[host].host.name if host else None
        requests = [request for request in self._files.requests() if request.user_agent != USER_AGENT]
        return [request for request in requests if name in (None, request.service)]

    def add_alias(self, alias: str, host: str) -> None:
        """Another name for a registry, such as a custom domain for the proxy."""
        self._names[alias] = self[host]
        self._write_file()

    def add_endpoint(self, host: str, endpoint: str) -> None:
        """Where a host is that the world has no registry for, such as a server of the caller's own, or nothing."""
        self._elsewhere[host] = endpoint
        self._write_file()

    def _replace_license(self, license_id: str, pulls: dict[str, tuple[str, ...]]) -> None:
        services = self._files.read()
        for host in (PROXY, VENDOR_REGISTRY):
            kept = tuple(account for account in services[host].accounts if account.password != license_id)
            added = (Account(LICENSE_USER, license_id, pull=pulls[host]),) if host in pulls else ()
            services[host] = dataclasses.replace(services[host], accounts=kept + added)
        self._files.write(services)

    def _pusher(self, host: str) -> Pusher:
        registry = self[host]
        name = registry.host.name
        if name not in self._pushers:
            user = "" if registry.host.auth == "open" else _PUSHER
            self._pushers[name] = Pusher(registry.endpoint, user, self._password, token_url=registry.token_url)
        return self._pushers[name]

    def _with_pusher(self, host: layout.Host) -> Service:
        account = Account(_PUSHER, self._password, push=("*",))
        return dataclasses.replace(host.service, accounts=(account, *host.service.accounts))

    def _write_file(self) -> None:
        entries = [{"host": name, "endpoint": endpoint} for name, endpoint in self.endpoints.items()]
        fresh = self.file.with_name(f".{self.file.name}")
        fresh.write_text(yaml.safe_dump({"registries": entries}, sort_keys=False))
        fresh.replace(self.file)
        for follower in self._followers:
            follower(self.endpoints)

    def _token_server_answers(self) -> bool:
        try:
            return httpx.get(f"{self._token_url}/healthz", timeout=2.0, trust_env=False).is_success
        except httpx.TransportError:
            return False
