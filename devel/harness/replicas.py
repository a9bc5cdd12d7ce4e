"""Two replicas of the operator as processes, and what each of them wrote, by the API server's own audit log."""

import base64
import itertools
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.audit import WRITES
from harness.faults import FaultyProxy
from harness.forked import ForkedOperator
from harness.running import ACCOUNT
from localworld.programs import apt
from localworld.world import World

LEASE = "kotsapp-operator"
# Questions that are asked by POST.
_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "tokenreviews", "subjectaccessreviews")
_TOKEN_ID = "authentication.kubernetes.io/credential-id"


class Replica(ForkedOperator):
    """With a token of its own, by which the audit log tells it from the others; through a proxy, if there is one."""

    def __init__(
        self, world: World, folder: Path, keys: Path, name: str, proxy: FaultyProxy | None = None, *flags: str
    ) -> None:
        folder = folder / name
        folder.mkdir()
        shared = world.kubeconfig_for_service_account(*ACCOUNT)
        own = folder / "kubeconfig"
        own.write_text(shared.read_text())
        own.chmod(0o600)
        self.token_id = _token_id(own.read_text())
        self.name = name
        self.extra: dict[str, str] = {}
        way = proxy.kubeconfig(own) if proxy is not None else own
        super().__init__(world, folder, keys, "--leader-elect", *flags, kubeconfig=way)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"POD_NAME": self.name} | self.extra

    @property
    def leads(self) -> bool:
        return "kotsapp_leader 1.0" in self._answer("/metrics")

    @property
    def follows(self) -> bool:
        return self._answer("/readyz").startswith("follower of ")

    def _answer(self, path: str) -> str:
        """Empty when it doesn't run, not yet or not now."""
        if not self.running or "serving metrics and health" not in self.said():
            return ""
        try:
            return self.asked(path)[1]
        except OSError:
            return ""


class Clock:
    """The time of day that a process is told, by libfaketime; how long something takes stays true."""

    def __init__(self, folder: Path, name: str, library: Path) -> None:
        self._file = folder / f"{name}.clock"
        self.jump("+0")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its older name
        }

    def jump(self, by: str) -> None:
        """From now on it is so much later than it is, such as ``+1h``."""
        self._file.write_text(f"{by}\n")

    @staticmethod
    def library(folder: Path) -> Path:
        """Debian's libfaketime, unpacked there; AptError where it can't be had."""
        apt.unpacked("libfaketime", folder)
        (found,) = folder.rglob("libfaketimeMT.so.1")
        return found


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the API server saw it; times in seconds since 1970."""

    who: str
    what: str
    received: float
    answered: float


def writes_of(world: World, replicas: list[Replica], *, leases: bool = False, since: int = 0) -> list[Write]:
    """The writes of these replicas, oldest first, without dry runs; those of the Lease, or all others."""
    assert world.audit_log is not None
    names = {replica.token_id: replica.name for replica in replicas}
    found = []
    with world.audit_log.open("rb") as log:
        log.seek(since)
        for line in log.read().rpartition(b"\n")[0].splitlines():
            entry = json.loads(line)
            of = entry.get("objectRef") or {}
            ids = (entry["user"].get("extra") or {}).get(_TOKEN_ID) or [""]
            if ids[0] not in names or entry["verb"] not in WRITES or of.get("resource") in _REVIEWS:
                continue
            if "dryRun" in entry["requestURI"] or (of.get("resource") == "leases") is not leases:
                continue
            what = f"{entry['verb']} {of['resource']} {of.get('name', '')} {entry['responseStatus']['code']}"
            at = (_time(entry["requestReceivedTimestamp"]), _time(entry["stageTimestamp"]))
            found.append(Write(names[ids[0]], what, *at))
    return sorted(found, key=lambda write: write.received)


def turns(writes: list[Write]) -> list[str]:
    """Who wrote, one after the other, each for as long as nobody else did."""
    result: list[str] = []
    for write in writes:
        if not result or result[-1] != write.who:
            result.append(write.who)
    return result


def overlaps(writes: list[Write]) -> list[tuple[Write, Write]]:
    """Writes of one replica that began before the last one of another was answered."""
    return [
        (one, other)
        for one, other in itertools.pairwise(writes)
        if one.who != other.who and other.received < one.answered
    ]


def _token_id(kubeconfig: str) -> str:
    token = kubeconfig.partition("token: ")[2].split()[0].strip('"')
    payload = token.split(".")[1]
    return f"JTI={json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))['jti']}"


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
