"""The operator as a process of its own, as in a cluster: its own account's rights, its own memory, killable."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from localworld.world import World
from waiting import until

ROOT = Path(__file__).parents[2]
ACCOUNT = ("kotsapp-system", "kotsapp-operator")


class Operator:
    """Started with the shipped ServiceAccount's kubeconfig; ``log`` holds all that it ever printed.

    ``logs`` are those of every operator that the tests made.
    """

    logs: ClassVar[list[Path]] = []

    def __init__(self, world: World, folder: Path, keys: Path, *flags: str) -> None:
        self.world = world
        self.log = folder / "operator.log"
        self.logs.append(self.log)
        self._flags = flags
        self._keys = keys
        self._kubeconfig = world.kubeconfig_for_service_account(*ACCOUNT)
        self._process: subprocess.Popen[bytes] | None = None
        self._port_file = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, ready: bool = True) -> Self:
        arguments: Sequence[str] = (
            "run",
            *("--registries", str(self.world.registries_file)),
            *("--trusted-keys", str(self._keys)),
            *("--bind", "127.0.0.1", "--port", "0", "--log-level", "debug"),
            *self._flags,
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        environment |= {
            "KUBECONFIG": str(self._kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "PATH": f"{self.world.programs.helm.parent}{os.pathsep}{environment['PATH']}",
        }
        at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kotsapp", *arguments], env=environment, stdout=log, stderr=log
            )
        if ready:
            until(lambda: "watching KotsApps" in self.said(at), "the operator watches KotsApps", 30, self._alive)
        return self

    def said(self, at: int = 0) -> str:
        return self.log.read_bytes()[at:].decode() if self.log.exists() else ""

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(20)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def metrics(self) -> str:
        port = self.said().rpartition("serving metrics and health on port ")[2].split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def rss(self) -> int:
        """Resident memory, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def _alive(self) -> None:
        if not self.running:
            raise AssertionError(f"the operator ended:\n{self.said()[-3000:]}")
