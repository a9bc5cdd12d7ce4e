"""What the token server hands out to whom: its configuration, its log, and the decision itself.

The configuration is a file that the server reads again whenever it changes, and the log is a file too, so
any process that knows the world's folder can steer and watch the server.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

Refusal = Literal["empty-token", "401", "403"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user: `pull` and `push` are patterns of repository names in which `*` matches slashes too.

    Several accounts may share a user name and differ in the password, as licenses do.
    """

    user: str
    password: str = field(repr=False)
    pull: tuple[str, ...] = ("*",)
    push: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One registry's tokens.

    `public` are patterns of repositories that anybody may pull. `anonymous_private` is what an anonymous
    request for any other one gets: a token that allows nothing (Docker Hub, Quay), or a refusal with
    that status (GHCR refuses with 403). `latency_ms` delays every answer; `fail_status` other than 0
    answers everything with that status.
    """

    public: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    anonymous_private: Refusal = "empty-token"
    expires_in: int = 300
    latency_ms: int = 0
    fail_status: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """One `scope` of a token request: `repository:NAME:ACTION,...`."""

    name: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A line of the log: who asked which service for what, and what was granted."""

    service: str
    user: str
    scopes: tuple[str, ...]
    granted: tuple[str, ...]
    status: int
    user_agent: str


def parse_scope(text: str) -> Scope | None:
    """A repository scope; None for any other type and for what is no scope."""
    kind, _, rest = text.partition(":")
    name, _, actions = rest.rpartition(":")
    if kind != "repository" or not name or not actions:
        return None
    return Scope(name, tuple(actions.split(",")))


def account_for(service: Service, user: str, password: str) -> Account | None:
    """The account with that user name and password, if there is one."""
    return next((a for a in service.accounts if (a.user, a.password) == (user, password)), None)


def granted(service: Service, account: Account | None, scope: Scope) -> tuple[str, ...]:
    """The actions of the scope that are allowed, in its order."""
    pull = service.public + (account.pull if account else ())
    push = account.push if account else ()
    allowed = set()
    if _matches(pull, scope.name) or _matches(push, scope.name):
        allowed.add("pull")
    if _matches(push, scope.name):
        allowed |= {"push", "delete", "*"}
    return tuple(action for action in scope.actions if action in allowed)


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class TokenFiles:
    """The token server's configuration and log files in a world's folder."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "tokens.json"
        self.log = folder / "tokens.log"

    def read(self) -> dict[str, Service]:
        """The services by name."""
        content: dict[str, dict[str, Any]] = json.loads(self.config.read_text())
        return {name: _service(fields) for name, fields in content.items()}

    def write(self, services: dict[str, Service]) -> None:
        """Replace the configuration; the server answers by it from its next request on."""
        content = {name: dataclasses.asdict(service) for name, service in services.items()}
        fresh = self.config.with_name(f".{self.config.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(content, indent=1))
        fresh.replace(self.config)

    def requests(self) -> list[TokenRequest]:
        """Every token request that was answered, oldest first."""
        if not self.log.exists():
            return []
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        return [
            TokenRequest(**{**line, "scopes": tuple(line["scopes"]), "granted": tuple(line["granted"])})
            for line in lines
        ]


def _service(fields: dict[str, Any]) -> Service:
    accounts = tuple(
        Account(**{**account, "pull": tuple(account["pull"]), "push": tuple(account["push"])})
        for account in fields["accounts"]
    )
    return Service(**{**fields, "public": tuple(fields["public"]), "accounts": accounts})
