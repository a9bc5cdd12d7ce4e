"""The operator as a process of its own, as in a cluster: its own account's rights, its own memory, killable."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from harness.waiting import until
from localworld.patience import patience
from localworld.world import World

if TYPE_CHECKING:
    from harness.forked import ForkedProcess

ROOT = Path(__file__).parents[2]
ACCOUNT = ("kotsapp-system", "kotsapp-operator")
# In front of a command: the kernel ends it when the thread that started it ends, however that happens.
ENDED_WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


class Operator:
    """Started with the shipped ServiceAccount's kubeconfig; ``log`` holds all that it ever printed.

    ``kubeconfig`` is another way to the same API server, ``extra_path`` a folder of modules that it is to find first;
    ``logs`` are those of every operator that the tests made. ``entering`` is what to put before its command.
    """

    logs: ClassVar[list[Path]] = []

    def __init__(
        self,
        world: World,
        folder: Path,
        keys: Path,
        *flags: str,
        kubeconfig: Path | None = None,
        extra_path: Path | None = None,
    ) -> None:
        self.world = world
        self.log = folder / "operator.log"
        self.logs.append(self.log)
        self._flags = flags
        self._keys = keys
        self._registries = world.registries_file
        self._kubeconfig = kubeconfig or world.kubeconfig_for_service_account(*ACCOUNT)
        self.extra_path = extra_path
        self.entering: list[str] = []
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self._port_file = 0

    @classmethod
    def all_logs(cls) -> str:
        return "\n".join(log.read_text(errors="replace") for log in cls.logs if log.exists())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def command(self) -> list[str]:
        return [*self.entering, sys.executable, "-m", "kotsapp", *self.arguments]

    @property
    def arguments(self) -> list[str]:
        return [
            "run",
            *("--registries", str(self._registries)),
            *("--trusted-keys", str(self._keys)),
            *("--bind", "127.0.0.1", "--port", "0", "--log-level", "debug"),
            *self._flags,
        ]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
        return inherited | {
            "KUBECONFIG": str(self._kubeconfig),
            "PYTHONPATH": os.pathsep.join(
                str(path) for path in (self.extra_path, ROOT / "operator") if path is not None
            ),
            "PATH": f"{self.world.programs.helm.parent}{os.pathsep}{inherited['PATH']}",
        }

    def start(self, *, ready: bool = True) -> Self:
        at = self.log.stat().st_size if self.log.exists() else 0
        self._process = self._begin(self.log)
        if ready:
            self._wait_started(at)
        return self

    def _begin(self, log: Path) -> "subprocess.Popen[bytes] | ForkedProcess":
        """A process of its own, which appends to the log."""
        with log.open("ab") as said:
            return subprocess.Popen([*ENDED_WITH_US, *self.command], env=self.environment, stdout=said, stderr=said)

    def _wait_started(self, at: int) -> None:
        """One that does not get ready is left to nobody: who asked for it has none to end."""
        try:
            self.wait_watching(at)
        except BaseException:
            self.kill()
            raise

    def wait_watching(self, at: int) -> None:
        """Until the log, from this offset on, says that KotsApps are watched."""
        until(lambda: "watching KotsApps" in self.said(at), "the operator watches KotsApps", 30, self.must_run)

    def said(self, at: int = 0) -> str:
        return self.log.read_bytes()[at:].decode() if self.log.exists() else ""

    def wait_reconciled(self, namespace: str, name: str, generation: int) -> None:
        """Until the log says so: whatever was done for an older generation is over."""
        line = f"{namespace}/{name}: reconciled generation {generation}\n"
        until(lambda: line in self.said(), f"{name} is reconciled", 30, self.must_run)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(20 * patience())

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10 * patience())

    def close(self) -> None:
        """Kill it, if it runs."""
        if self.running:
            self.kill()

    def pause(self) -> None:
        """As a machine does that has no time for it."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def port(self) -> int:
        """Of metrics and health."""
        return int(self.said().rpartition("serving metrics and health on port ")[2].split()[0])

    def metrics(self) -> str:
        return self.asked("/metrics")[1]

    def asked(self, path: str) -> tuple[int, str]:
        """Status and body of what it answers on its port for metrics and health; 0 while nobody listens there."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5 * patience()) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionError):
                return 0, ""
            raise

    def rss(self) -> int:
        """Resident memory, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def must_run(self) -> None:
        """AssertionError with the end of its log when it does not."""
        if not self.running:
            raise AssertionError(f"the operator ended:\n{self.said()[-3000:]}")
