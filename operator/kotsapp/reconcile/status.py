"""``status`` of a KotsApp, gathered while the story goes on and written once at its end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kotsapp.api.conditions import Condition, is_settled, merge
from kotsapp.apply.inventory import Entry, Inventory
from kotsapp.health.assess import Health, WorkloadState
from kotsapp.images.routing import Route
from kotsapp.kube.objects import ObjectKey
from kotsapp.verdicts.decision import Ground, Settled
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

# The API server stores at most 1.5 MiB of one object, and an entry can take 1 KiB.
MAX_IMAGES = 500
MAX_WORKLOADS = 500
MAX_USERS = 20
MAX_IMAGE_MESSAGE = 512

_WORST_FIRST = {
    Verdict.ERROR: 0,
    Verdict.UNREACHABLE: 0,
    Verdict.RATE_LIMITED: 0,
    Verdict.NOT_FOUND: 0,
    Verdict.PRIVATE: 2,
    Verdict.REPLICATED: 3,
    Verdict.PROXIED: 3,
    Verdict.EXCLUDED: 4,
    Verdict.PUBLIC: 5,
}
_STATES_WORST_FIRST = (
    WorkloadState.MISSING,
    WorkloadState.UNAVAILABLE,
    WorkloadState.DEGRADED,
    WorkloadState.UPDATING,
    WorkloadState.READY,
)


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC, to the second, as Kubernetes writes times."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


class Report:
    """Starts as the status that is there; every step replaces what it knows better."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self.before = status
        self.inventory = Inventory.from_status(status.get("inventory") or ())
        self._fields: dict[str, Any] = {k: v for k, v in status.items() if k not in ("conditions", "inventory")}
        self._conditions: dict[str, Condition] = {}
        self._forgotten: set[str] = set()

    @property
    def last_probe(self) -> datetime | None:
        return parse_timestamp(self.before.get("lastProbeTime"))

    def image_entries(self) -> dict[str, Mapping[str, Any]]:
        """The images of the status that is there, by reference as written."""
        return {str(entry.get("image")): entry for entry in self.before.get("images") or ()}

    def workloads_before(self) -> dict[ObjectKey, Health]:
        """The workloads of the status that is there; one of an unknown state is left out."""
        by_name = {(e.key.kind, e.key.namespace, e.key.name): e.key for e in self.inventory.entries.values()}
        known: dict[ObjectKey, Health] = {}
        for entry in self.before.get("workloads") or ():
            key = by_name.get((entry.get("kind"), entry.get("namespace") or "", entry.get("name")))
            if key is not None and entry.get("state") in _STATES_WORST_FIRST:
                known[key] = Health(WorkloadState(entry["state"]), str(entry.get("message") or ""))
        return known

    def condition_before(self, type_: str) -> Mapping[str, Any] | None:
        return next((c for c in self.before.get("conditions") or () if c.get("type") == type_), None)

    def note(self, *conditions: Condition) -> None:
        """A condition besides Ready, Reconciling and Stalled."""
        self._conditions.update({condition.type: condition for condition in conditions})

    def drop(self, type_: str) -> None:
        """A condition that no longer applies."""
        self._conditions.pop(type_, None)
        self._forgotten.add(type_)

    def license(self, facts: Mapping[str, Any]) -> None:
        self._fields["license"] = {name: value for name, value in facts.items() if value not in (None, "")}

    def images(self, settled: Sequence[Settled], users: Mapping[str, Sequence[str]], *, verified: bool) -> None:
        """Per-image results, worst first, and the counts of all; ``verified`` says that the proxy was asked, too."""
        now, before = timestamp(), self.image_entries()
        ordered = sorted(settled, key=lambda s: (_badness(s), s.image))
        self._fields["images"] = [
            _image_entry(s, before.get(s.image, {}), users.get(s.image, ()), now, verified)
            for s in ordered[:MAX_IMAGES]
        ]
        self._fields["imageSummary"] = {
            "total": len(settled),
            "public": sum(s.verdict is Verdict.PUBLIC for s in settled),
            "private": sum(s.verdict is Verdict.PRIVATE for s in settled),
            "proxied": sum(s.route is Route.PROXY for s in settled),
            "undecided": sum(s.route is None for s in settled),
            "unverified": sum(verified and _is_routed(s) and s.verified is not Verified.TRUE for s in settled),
        }
        # A registry that is down is asked every minute or so; only an answer is worth a new time.
        answered = any(s.probed and s.ground is Ground.VERDICT for s in settled)
        if answered or "lastProbeTime" not in self._fields:
            self._fields["lastProbeTime"] = now

    def workloads(self, healths: Mapping[ObjectKey, Health]) -> None:
        ordered = sorted(healths.items(), key=lambda item: (_STATES_WORST_FIRST.index(item[1].state), item[0]))
        self._fields["workloads"] = [_workload_entry(key, health) for key, health in ordered[:MAX_WORKLOADS]]

    def applied(self, entry: Entry) -> None:
        """Take the object up; the account that once applied it stays known, while no other one does."""
        before = self.inventory.get(entry.key)
        if before is not None and not entry.account:
            entry = replace(entry, account=before.account)
        self.inventory = Inventory({**self.inventory.entries, entry.key.identity: entry})

    def removed(self, entries: Iterable[Entry]) -> None:
        gone = {entry.key.identity for entry in entries}
        self.inventory = Inventory({i: entry for i, entry in self.inventory.entries.items() if i not in gone})

    def is_unanswered(self, requested: Mapping[str, str]) -> bool:
        """Whether a fresh probe was asked for, and not made yet."""
        return any(self._fields.get(answer) != value for answer, value in requested.items())

    def handled(self, requested: Mapping[str, str]) -> None:
        """Requests for a fresh probe that were acted on, by the field that answers each."""
        self._fields.update(requested)

    def interim(self) -> dict[str, Any]:
        """The status that is there, with the inventory as it is by now."""
        return {**self.before, "inventory": self.inventory.to_status()}

    def finish(self, conditions: Sequence[Condition], generation: int) -> dict[str, Any]:
        """The whole status with these Ready, Reconciling and Stalled conditions."""
        told = [*conditions, *(c for t, c in self._conditions.items() if t not in {x.type for x in conditions})]
        types = {condition.type for condition in told} | self._forgotten | {"Reconciling", "Stalled"}
        before = self.before.get("conditions") or ()
        carried = [dict(c) for c in before if c.get("type") not in types]
        status = dict(self._fields)
        status["conditions"] = merge(before, told, generation, timestamp()) + carried
        status["inventory"] = self.inventory.to_status()
        if is_settled(conditions):
            status["observedGeneration"] = generation
        return status


def _is_routed(settled: Settled) -> bool:
    return settled.route is not None and settled.route.needs_secret


def _badness(settled: Settled) -> int:
    if settled.route is None:
        return 0
    if settled.verified is Verified.FALSE:
        return 1
    return 1 + _WORST_FIRST.get(settled.verdict, 0)


def _workload_entry(key: ObjectKey, health: Health) -> dict[str, str]:
    entry = {
        "kind": key.kind,
        "name": key.name,
        "namespace": key.namespace,
        "state": str(health.state),
        "message": health.message[:MAX_IMAGE_MESSAGE],
    }
    return {name: value for name, value in entry.items() if value}


def _image_entry(
    settled: Settled, before: Mapping[str, Any], users: Sequence[str], now: str, verified: bool
) -> dict[str, Any]:
    same = before.get("verdict") == settled.verdict
    message = settled.message
    if settled.verified is Verified.FALSE:
        message += f"; {settled.verified_message}"
    entry: dict[str, Any] = {
        "image": settled.image,
        "verdict": str(settled.verdict),
        "route": None if settled.route is None else str(settled.route),
        "pull": settled.pull,
        "httpStatus": settled.http_status,
        "code": settled.code,
        "message": message[:MAX_IMAGE_MESSAGE],
        "verified": str(settled.verified) if verified and _is_routed(settled) else None,
        "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
        "usedBy": [*users[:MAX_USERS], *([f"and {len(users) - MAX_USERS} more"] if len(users) > MAX_USERS else [])],
    }
    return {name: value for name, value in entry.items() if value not in (None, "", [])}
