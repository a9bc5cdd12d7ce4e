"""Every state that a namespace's objects were ever in, as the API server's own watch tells them."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.apps import Tenant
from harness.waiting import until

Object = dict[str, Any]


class Recording:
    """The watch's events, oldest first; nothing is left out and nothing is merged."""

    def __init__(self, tenant: Tenant, plural: str, file: Path) -> None:
        self._tenant = tenant
        self._plural = plural
        self._file = file

    def events(self) -> list[tuple[str, Object]]:
        lines = self._file.read_text().splitlines(keepends=True)
        read = [json.loads(line) for line in lines if line.endswith("\n")]
        return [(event["type"], event["object"]) for event in read if event["type"] != "BOOKMARK"]

    def states(self, name: str) -> list[Object]:
        """All states of one object up to now, those that are on their way included."""
        live = self._tenant.get(self._plural, name)
        version = live["metadata"]["resourceVersion"] if live else ""

        def caught_up() -> list[tuple[str, Object]]:
            mine = [(t, o) for t, o in self.events() if o["metadata"]["name"] == name]
            if live:
                return mine if any(o["metadata"]["resourceVersion"] == version for _, o in mine) else []
            return mine if mine and mine[-1][0] == "DELETED" else []

        return [obj for _, obj in until(caught_up, f"the recording has caught up with {name}")]

    def statuses(self, name: str) -> list[tuple[Mapping[str, Any], int, Object]]:
        """Each status that was written, the generation in which it was seen, and the object."""
        found: list[tuple[Mapping[str, Any], int, Object]] = []
        for obj in self.states(name):
            status, generation = obj.get("status") or {}, obj["metadata"]["generation"]
            if not found or found[-1][:2] != (status, generation):
                found.append((status, generation, obj))
        return found


@contextmanager
def recording(tenant: Tenant, folder: Path, plural: str = "kotsapps") -> Iterator[Recording]:
    """Record from now on until the block ends."""
    version = tenant.world.api.get(tenant.path(plural))["metadata"]["resourceVersion"]
    path = f"{tenant.path(plural)}?watch=1&resourceVersion={version}"
    world, file = tenant.world, folder / f"{plural}.jsonl"
    command = [str(world.programs.kubectl), "--kubeconfig", str(world.kubeconfig), "get", "--raw", path]
    with file.open("wb") as output:
        watch = subprocess.Popen(command, stdout=output)
    try:
        yield Recording(tenant, plural, file)
    finally:
        watch.terminate()
        watch.wait(10)
