"""What hostile input costs everybody else: another tenant's time to Ready, /healthz, memory and CPU meanwhile.

    python bench/attacks.py [--only TEXT] [--others 3] [--memory 800]

Each attack is begun in a namespace of its own on a real API server, under the shipped rights; while it lasts, apps of
another namespace are made one after the other. Their times are told beside those of the same apps without an attack,
and /healthz beside a server that does nothing: a busy machine is slow by itself. How busy it was is told by how long
the operator's loop had something to do, and no core to do it on. With ``--memory`` the operator and all that it starts
have so many MiB, as the shipped pod has 800: the kernel ends what needs more, which is told.
"""

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.apps import LICENSE_ID, PRIVATE, PUBLIC, SLUG, Tenant, deployment
from harness.attacks import MIB, Attack, attacks
from harness.holding import Holding
from harness.licenses import Signer
from harness.memory_group import MemoryGroup, memory_group
from harness.running import ROOT, Operator
from localworld.world import World

# From when an attack is there until others come, and how long an attack's apps may take to be told of.
BEGUN_SECONDS, TOLD_SECONDS = 1.5, 30.0
TICK = 0.05
COLUMNS = (
    *("attack", "KiB", "what Ready tells", "operator MiB", "readers MiB", "all at once MiB"),
    *("operator CPU s", "readers CPU s"),
    "operator waited for a core, s",
    *("other tenant's Ready before, s", "meanwhile, s", "slowest, s", "slowest /healthz, s", "of an idle server, s"),
)
_CLOCK_TICKS = 100
IDLE_SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(204); self.end_headers()
    def log_message(self, *_): pass
server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass
class Watch:
    """Looks at the operator and its children all the time: peaks since ``reset``."""

    operator: Operator
    idle_port: int
    slowest: float = 0.0
    idle: float = 0.0
    memory: int = 0
    readers: int = 0
    together: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        self.slowest, self.idle, self.memory, self.readers, self.together = 0.0, 0.0, 0, 0, 0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        threads = [threading.Thread(target=work, daemon=True) for work in (self._ask, self._ask_idle, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        while not self._end.wait(TICK):
            took = answered_after(self.operator.port)
            self.slowest = max(self.slowest, took)

    def _ask_idle(self) -> None:
        while not self._end.wait(TICK):
            took = answered_after(self.idle_port)
            self.idle = max(self.idle, took)

    def _look(self) -> None:
        while not self._end.wait(TICK):
            with contextlib.suppress(OSError, ValueError):
                operator, readers = self.operator.rss(), sum(map(_private, descendants(self.operator.pid)))
                self.memory, self.readers = max(self.memory, operator), max(self.readers, readers)
                self.together = max(self.together, operator + readers)


def answered_after(port: int) -> float:
    began = time.monotonic()
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).read()
    return time.monotonic() - began


@contextlib.contextmanager
def idle_server() -> Iterator[int]:
    """The port of a process that answers, and does nothing else."""
    with subprocess.Popen([sys.executable, "-c", IDLE_SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def _private(pid: int) -> int:
    """Memory that a process shares with no other, in bytes."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
    return 0


def cpu(pid: int) -> tuple[float, float]:
    """Seconds of the process, and of its children that are over or at work."""
    own = children = 0.0
    for one in (pid, *descendants(pid)):
        with contextlib.suppress(OSError):
            values = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            used, waited = sum(map(int, values[11:13])), sum(map(int, values[13:15]))
            own += used / _CLOCK_TICKS if one == pid else 0
            children += (waited + (used if one != pid else 0)) / _CLOCK_TICKS
    return own, children


def waited_for_a_core(pid: int) -> float:
    """Seconds for which the event loop's thread had something to do, and other processes had all cores (Linux)."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[1]) / 1e9


def time_to_ready(tenant: Tenant, name: str) -> float:
    """Seconds from when an ordinary app is made until it is Ready."""
    began = time.monotonic()
    objects = [deployment(name, PUBLIC, replicas=0), deployment(f"{name}-2", PRIVATE, replicas=0)]
    tenant.put_app(name, objects, pullSecret={"name": f"{name}-registry"})
    while (condition := tenant.condition(name)).get("status") != "True":
        if time.monotonic() - began > TOLD_SECONDS:
            print(f"{name} is not Ready: {condition}")
            break
        time.sleep(0.01)
    return time.monotonic() - began


def outcome(tenant: Tenant, attack: Attack) -> str:
    found: dict[str, int] = {}
    for name in attack.names:
        condition = tenant.condition(name)
        reason = condition.get("reason", "nothing told")
        found[reason] = found.get(reason, 0) + 1
    return ", ".join(f"{count} {reason}" if count > 1 else reason for reason, count in found.items())


def run(attack: Attack, operator: Operator, watch: Watch, makes: tuple[World, Signer], others: int) -> str:
    tenant, other = Tenant.make(*makes), Tenant.make(*makes)
    undisturbed = [time_to_ready(other, f"before-{number}") for number in range(others)]
    own, children = cpu(operator.pid)
    waited = waited_for_a_core(operator.pid)
    watch.reset()
    size = attack.begin(tenant)
    end = threading.Event()

    def go_on() -> None:
        number = 0
        while attack.again is not None and not end.wait(0.2):
            number += 1
            attack.again(tenant, number)

    again = threading.Thread(target=go_on, daemon=True)
    again.start()
    time.sleep(BEGUN_SECONDS)
    during = [time_to_ready(other, f"during-{number}") for number in range(others)]
    deadline = time.monotonic() + TOLD_SECONDS
    while attack.reason and time.monotonic() < deadline:
        if all(tenant.condition(name).get("reason") == attack.reason for name in attack.names):
            break
        time.sleep(0.2)
    end.set()
    again.join()
    told = outcome(tenant, attack)
    own_after, children_after = cpu(operator.pid)
    waited = waited_for_a_core(operator.pid) - waited
    row = (
        f"| {attack.title} | {size / 1024:.1f} | {told} | {watch.memory / MIB:.0f} | {watch.readers / MIB:.0f} "
        f"| {watch.together / MIB:.0f} "
        f"| {own_after - own:.1f} | {children_after - children:.1f} | {waited:.1f} "
        f"| {statistics.median(undisturbed):.2f} | {statistics.median(during):.2f} | {max(during):.2f} "
        f"| {watch.slowest:.2f} | {watch.idle:.2f} |"
    )
    for name in attack.names:
        tenant.world.api.delete(tenant.path("kotsapps", name))
    return row if operator.running else f"{row} THE OPERATOR ENDED"


def _told_of(group: MemoryGroup) -> str:
    return f"  the kernel has ended {group.kills} so far; {group.peak / MIB:.0f} MiB at most with pages of files"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="attacks whose title holds this")
    parser.add_argument("--memory", type=int, default=0, help="MiB that the operator and its children have in all")
    parser.add_argument("--others", type=int, default=3, help="apps of another tenant, one after the other")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kotsapp-attacks-"))
    (folder / "modules").mkdir()
    try:
        with World.start(folder / "world", licenses=[LICENSE_ID], node=False) as world:
            world.push_image(PRIVATE, proxied_for=SLUG)
            world.push_image(PUBLIC)
            world.kubectl("apply", "-k", str(ROOT / "deploy"))
            world.kubectl("apply", "-f", str(ROOT / "deploy/components/lend-edit/clusterrolebinding.yaml"))
            world.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")
            signer = Signer.make(folder / "keys")
            with contextlib.ExitStack() as stack:
                holding = stack.enter_context(Holding(folder / "modules", world.registries))
                idle_port = stack.enter_context(idle_server())
                group = stack.enter_context(memory_group(args.memory * MIB)) if args.memory else None
                operator = Operator(world, folder, signer.folder, "--lend", "edit", extra_path=holding.modules)
                operator.entering = group.entering if group is not None else []
                operator.start()
                watch = Watch(operator, idle_port)
                print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
                with watch.watching():
                    for attack in attacks():
                        if args.only in attack.title:
                            print(run(attack, operator, watch, (world, signer), args.others), flush=True)
                            if group is not None:
                                print(_told_of(group), flush=True)
                            if not operator.running:
                                operator.start()
                operator.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
