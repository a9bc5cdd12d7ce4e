"""One docker-registry process and what it wrote about the requests it got."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from localworld.ports import free_port, listening
from localworld.process import Child
from localworld.registries import htpasswd
from localworld.registries.push import USER_AGENT

if TYPE_CHECKING:
    from pathlib import Path

    from localworld.layout import Host

_READY_SECONDS = 20.0
# Apache's combined format: address, identity, user, time, request, status, bytes, referrer, user agent.
_LINE = re.compile(
    r'^\S+ \S+ \S+ \[[^\]]*\] "(?P<method>\S+) (?P<path>\S+) [^"]*" (?P<status>\d+) \S+ "[^"]*" "(?P<agent>[^"]*)"'
)


@dataclass(frozen=True, slots=True)
class Access:
    """One request that the registry answered. The path includes the query."""

    method: str
    path: str
    status: int
    user_agent: str


@dataclass(frozen=True, slots=True)
class TokenAuth:
    """How a registry checks tokens: the server's URL, who signs, and the certificate to verify with."""

    realm: str
    issuer: str
    certificate: Path


class Registry(Child):
    """Debian's docker-registry, storing in the world's folder, for one host name."""

    def __init__(self, program: Path, folder: Path, host: Host, token_auth: TokenAuth, address: str) -> None:
        self.host = host
        self.port = free_port()
        self._address = f"{address}:{self.port}"
        self.endpoint = f"http://{self._address}"
        self.token_url = f"{token_auth.realm}?service={host.name}" if host.auth == "token" else ""
        home = folder / "registries" / host.name
        home.mkdir(parents=True)
        self._htpasswd = home / "htpasswd"
        self._access_log = folder / "logs" / f"registry-{host.name}.access.log"
        self.users: dict[str, str] = {}
        config = home / "config.yml"
        config.write_text(yaml.safe_dump(self._config(home, token_auth), sort_keys=False))
        super().__init__(
            f"docker-registry for {host.name}",
            [program, "serve", config],
            log=folder / "logs" / f"registry-{host.name}.log",
            stdout=self._access_log,
        )

    def set_users(self, users: dict[str, str]) -> None:
        """Who may pull and push with Basic auth, from now on; docker-registry reads the file again by itself."""
        htpasswd.write(self._htpasswd, users)
        self.users = dict(users)

    def wait_ready(self) -> None:
        """Wait until it accepts connections."""
        self.wait_until(lambda: listening(self._address), seconds=_READY_SECONDS)

    def restart(self) -> None:
        """Kill it and start it again on the same port, with the images it had."""
        self.kill()
        self.start()
        self.wait_ready()

    def requests(self) -> list[Access]:
        """Every request that was answered, oldest first, but for those that pushed the world's images."""
        if not self._access_log.exists():
            return []
        found = map(_LINE.match, self._access_log.read_text(errors="replace").splitlines())
        requests = [Access(m["method"], m["path"], int(m["status"]), m["agent"]) for m in found if m]
        return [request for request in requests if request.user_agent != USER_AGENT]

    def _config(self, home: Path, token_auth: TokenAuth) -> dict[str, Any]:
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(home / "data")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {
                "addr": self._address,
                "secret": secrets.token_hex(16),
                # Locations without a host: what a client asks by another name, it goes on asking by that name.
                "relativeurls": True,
            },
        }
        if self.host.auth == "basic":
            self.set_users({})
            config["auth"] = {"htpasswd": {"realm": self.host.name, "path": str(self._htpasswd)}}
        elif self.host.auth == "token":
            config["auth"] = {
                "token": {
                    "realm": token_auth.realm,
                    "service": self.host.name,
                    "issuer": token_auth.issuer,
                    "rootcertbundle": str(token_auth.certificate),
                }
            }
        return config
