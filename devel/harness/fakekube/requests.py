"""A request as the API server understands it, and what tests may have happen to one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.fakekube.kinds import Kind, Kinds

_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Call:
    """What came over the wire. ``user`` is whom the request impersonates, ``agent`` its User-Agent."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    accept: str
    content_type: str
    user: str | None
    agent: str

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun") == "All"

    @property
    def is_apply(self) -> bool:
        return self.content_type == _APPLY


@dataclass(frozen=True, slots=True)
class Target:
    """Which objects a call is about; ``name`` is empty for a collection."""

    kind: Kind
    namespace: str
    name: str
    subresource: str

    @classmethod
    def of(cls, path: str, kinds: Kinds) -> "Target | None":
        """None where nothing is served at the path."""
        parts = path.strip("/").split("/")
        length = 2 if parts[0] == "api" else 3
        api_version, rest = "/".join(parts[1:length]), parts[length:]
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces" and kinds.find(api_version, rest[2]):
            namespace, rest = rest[1], rest[2:]
        kind = kinds.find(api_version, rest[0]) if rest else None
        if kind is None or len(rest) > 3:
            return None
        name, subresource = (*rest[1:], "", "")[:2]
        if subresource and not (subresource == "status" and kind.has_status):
            return None
        return cls(kind, namespace, name, subresource)

    def verb(self, call: Call) -> str:
        """As RBAC names it."""
        if call.query.get("watch") in ("1", "true"):
            return "watch"
        return (_OBJECT_VERBS if self.name else _COLLECTION_VERBS).get(call.method, call.method.lower())


@dataclass(frozen=True, slots=True)
class Record:
    """One request that was made. ``verb`` is RBAC's, and ``apply`` for a server-side apply; ``user`` whom it
    impersonated; ``status`` the answer's, 0 while there is none."""

    verb: str
    kind: str
    namespace: str
    name: str
    user: str | None
    dry_run: bool = False
    subresource: str = ""
    status: int = 0

    @property
    def writes(self) -> bool:
        return self.verb not in ("get", "list", "watch") and not self.dry_run

    def __str__(self) -> str:
        name = f"{self.kind}/{self.name}" if self.name else self.kind
        return f"{self.verb} {name}" + (f"/{self.subresource}" if self.subresource else "")


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests are meant; None stands for any. ``verb`` is as in ``Record``."""

    verb: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    user: str | None = None
    dry_run: bool | None = None

    def covers(self, record: Record) -> bool:
        wanted = (self.kind, self.name, self.namespace, self.user, self.dry_run)
        found = (record.kind, record.name, record.namespace, record.user, record.dry_run)
        verb = self.verb in (None, record.verb) or (self.verb == "patch" and record.verb == "apply")
        return verb and all(one in (None, other) for one, other in zip(wanted, found, strict=True))


@dataclass(slots=True)
class Fault:
    """The next ``times`` matching requests are answered with ``status`` (0: not at all).

    ``lost`` ones are carried out before, and only their answer never comes.
    """

    match: Match
    status: int
    times: int
    message: str
    lost: bool = False
    retry_after: int | None = None


@dataclass(slots=True)
class Pause:
    """The next matching request waits for ``release``; ``reached`` tells that it has come.

    With ``answered`` it is carried out before it waits: its answer is under way.
    """

    match: Match
    answered: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
