"""What the operator wrote, by the API server's own audit log, which has an entry before the answer is sent."""

import json
from collections.abc import Iterator
from typing import Any

from harness.running import ACCOUNT
from localworld.world import World

OPERATOR = f"system:serviceaccount:{ACCOUNT[0]}:{ACCOUNT[1]}"
WRITES = ("create", "update", "patch", "delete", "deletecollection")


def position(world: World) -> int:
    """Where the log ends now."""
    assert world.audit_log is not None
    return world.audit_log.stat().st_size


def writes(world: World, namespace: str, since: int = 0) -> list[str]:
    """``verb resource[/subresource] name`` of each write call in the namespace, dry runs left out, oldest first."""
    return [_named(entry) for entry in _entries(world, namespace, since) if "dryRun" not in entry["requestURI"]]


def _entries(world: World, namespace: str, since: int) -> Iterator[dict[str, Any]]:
    assert world.audit_log is not None
    with world.audit_log.open("rb") as log:
        log.seek(since)
        for line in log.read().rpartition(b"\n")[0].splitlines():  # the last one may still be on its way
            if f'"namespace":"{namespace}"'.encode() not in line:
                continue
            entry = json.loads(line)
            if entry["user"]["username"] == OPERATOR and entry["verb"] in WRITES:
                yield entry


def _named(entry: dict[str, Any]) -> str:
    of = entry["objectRef"]
    resource = "/".join(part for part in (of["resource"], of.get("subresource")) if part)
    return f"{entry['verb']} {resource} {of.get('name', '')}".rstrip()
