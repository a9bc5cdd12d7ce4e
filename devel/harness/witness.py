"""Sees every state of what the operator writes, in all namespaces, for as long as the tests last."""

import subprocess
import threading
from pathlib import Path
from typing import Self

from localworld.world import World

WATCHED = {
    "kotsapps": "/apis/kotsapp.dev/v1alpha1/kotsapps",
    "events": "/api/v1/events",
    "deployments": "/apis/apps/v1/deployments",
}
_AGAIN_AFTER = 0.2


class Witness:
    """Watches for as long as the block lasts; a stream that is cut (the API server was restarted) begins anew."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._over = threading.Event()
        self._watches: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = [threading.Thread(target=self._watch, args=(plural,), daemon=True) for plural in WATCHED]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for watch in self._watches.values():
            watch.terminate()
        for thread in self._threads:
            thread.join(10)

    def lines(self, plural: str) -> list[str]:
        """Each state that was seen, as JSON; a last line may be half a one."""
        file = self._folder / f"{plural}.jsonl"
        return file.read_text(errors="replace").splitlines() if file.exists() else []

    def _watch(self, plural: str) -> None:
        kubectl = [str(self._world.programs.kubectl), "--kubeconfig", str(self._world.kubeconfig)]
        with (self._folder / f"{plural}.jsonl").open("ab") as output, (self._folder / "errors").open("ab") as errors:
            while not self._over.is_set():
                command = [*kubectl, "get", "--raw", f"{WATCHED[plural]}?watch=1"]
                watch = self._watches[plural] = subprocess.Popen(command, stdout=output, stderr=errors)
                if self._over.is_set():
                    watch.terminate()
                watch.wait()
                self._over.wait(_AGAIN_AFTER)
