"""What deployment tools make of a KotsApp: kstatus itself, compiled from its Go module, and what it is to say."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.witness import Witness
from localworld.programs.health import KSTATUS, HealthProgram
from localworld.progress import to_stderr

# Thousands of objects take a second; the bound is for a program that hangs.
_SECONDS = 120.0

Object = Mapping[str, Any]


class Computed(NamedTuple):
    """``status`` is Current, InProgress, Failed or Terminating."""

    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Kstatus:
    """The program, with its arguments; an AssertionError has its own words when it can make nothing of an object."""

    program: Path
    arguments: tuple[str, ...] = ()

    def of(self, objects: Sequence[Object]) -> list[Computed]:
        """The status of each object, in their order."""
        given = "\n".join(json.dumps(obj) for obj in objects)
        done = subprocess.run(
            [str(self.program), *self.arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return [Computed(**json.loads(line)) for line in done.stdout.splitlines()]

    def disagreements(self, objects: Sequence[Object]) -> list[str]:
        """A line for each KotsApp of which kstatus says something else than ``expected``, with its conditions."""
        return [
            f"kstatus says {computed.status} ({computed.message}), not {wanted}: generation "
            f"{obj['metadata'].get('generation')}, status {json.dumps(_reported(obj))}"
            for obj, computed in zip(objects, self.of(objects), strict=True)
            if computed.status != (wanted := expected(obj))
        ]


def made(program: HealthProgram = KSTATUS) -> Kstatus:
    """Find or build it; where that can't be done, the test is skipped with what is missing."""
    if why := program.missing():
        pytest.skip(why)
    return Kstatus(program.ensure(to_stderr))


def expected(app: Object) -> str:
    """What a tool is to make of a KotsApp (DESIGN 9).

    Current is Ready for what is in the spec now, Failed is what only a person can mend, and all else is waited for.
    """
    if app["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = app.get("status") or {}
    if status.get("observedGeneration") != app["metadata"]["generation"]:
        return "InProgress"
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready") == "True" else "InProgress"


def apps_seen(witness: Witness) -> Iterator[Object]:
    """Every state of a KotsApp; a line may be cut, where the API server was restarted under the watch or at the end."""
    for line in witness.lines("kotsapps"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
            yield event["object"]


def disagreements_of_a_session(witness: Witness) -> list[str]:
    """The same over every KotsApp that was ever written while it watched; none where kstatus can't be built."""
    if KSTATUS.missing():
        return []
    return Kstatus(KSTATUS.ensure(to_stderr)).disagreements(list(apps_seen(witness)))


def _reported(app: Object) -> dict[str, Any]:
    status = app.get("status") or {}
    return {name: status.get(name) for name in ("observedGeneration", "conditions")}
