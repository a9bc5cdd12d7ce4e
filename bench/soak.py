"""The operator killed, cut off and refused for a long time, while apps are created, changed and deleted.

After each phase the operator is left in peace until every app is Ready, and no pod may have been restarted without
need. At the end every app must be what one undisturbed run makes of the same wish. Prints a row for each phase.
Arguments: KILLS (default: 300) and the random SEED (default: 1).
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from harness.apps import LICENSE_ID, PRIVATE, PUBLIC, SLUG, VENDOR, Tenant
from harness.chaos import kill_once
from harness.faults import LOST, REFUSED, FaultyProxy
from harness.fleet import Fleet
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import ACCOUNT, ROOT, Operator
from localworld.world import World

STEADY = 4
KILLS_A_PHASE = 50
ETCD_SECONDS = 20.0
FAULTY_SECONDS = 60.0
API_SERVER_KILLS = 5
SETTLED_SECONDS = 300.0


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory(prefix="kotsapp-soak-") as name:
        folder = Path(name)
        with World.start(folder / "world", licenses=[LICENSE_ID]) as world:
            world.push_image(PRIVATE, proxied_for=SLUG)
            world.push_image(PUBLIC)
            world.push_image(VENDOR)
            world.kubectl("apply", "-k", str(ROOT / "deploy"))
            world.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")
            soak(world, folder, kills, seed)
    return 0


def soak(world: World, folder: Path, kills: int, seed: int) -> None:
    """Every phase, each with its row; raises AssertionError at the first one that leaves something wrong."""
    rng = random.Random(seed)
    signer = Signer.make(folder / "keys")
    fleet = Fleet(Tenant.make(world, signer), rng)
    with closing(ForkedOperator(world, folder, signer.folder)) as operator:
        operator.start()
        fleet.start(steady=STEADY, changing=4)
        operator.kill()
        print(f"seed {seed}; {len(fleet.apps)} apps to begin with")
        print(f"{'phase':<36}{'seconds':>9}{'changes':>9}{'apps':>6}{'until all Ready':>17}")
        at_work = 0
        for done in range(0, kills, KILLS_A_PHASE):
            count = min(KILLS_A_PHASE, kills - done)

            def kill_often(times: int = count) -> None:
                nonlocal at_work
                at_work += kill(operator, fleet, rng, times)

            phase(f"killed {count} times", fleet, operator, kill_often)
        print(f"  after {at_work} of {kills} kills an app was not finished")
        restarts = partial(kill_api_server, world, fleet, rng)
        phase(f"API server killed {API_SERVER_KILLS} times", fleet, operator, restarts)
        phase(f"etcd paused {ETCD_SECONDS:g} s", fleet, operator, lambda: pause_etcd(world, fleet))
        operator.kill()
        through_proxy(world, folder, signer, fleet, seed)
        operator.start()
        began = time.monotonic()
        fleet.check(Tenant.make(world, signer))
        print(f"all {len(fleet.apps)} apps are what one undisturbed run makes ({time.monotonic() - began:.1f} s)")
        print(f"{fleet.made} apps came, {fleet.made + STEADY - len(fleet.apps)} went; nothing is orphaned")


def phase(name: str, fleet: Fleet, operator: Operator, disturb: Callable[[], None]) -> None:
    """Disturb, then leave it in peace until all is well, and say how long that took."""
    began, before = time.monotonic(), fleet.changes
    disturb()
    disturbed = time.monotonic()
    if not operator.running:
        operator.start()
    fleet.wait_ready(SETTLED_SECONDS)
    ready = time.monotonic()
    fleet.check_restarts()
    counts = f"{fleet.changes - before:>9}{len(fleet.apps):>6}"
    print(f"{name:<36}{disturbed - began:>9.1f}{counts}{ready - disturbed:>15.1f} s", flush=True)


def kill(operator: Operator, fleet: Fleet, rng: random.Random, times: int) -> int:
    """Kill it so often; returns how many of the kills came before it was done with what there was to do."""
    if operator.running:
        operator.kill()
    at_work = 0
    for _ in range(times):
        kill_once(operator, fleet, rng)
        at_work += bool(fleet.unready())
    return at_work


def kill_api_server(world: World, fleet: Fleet, rng: random.Random) -> None:
    for _ in range(API_SERVER_KILLS):
        for _ in range(4):
            fleet.disturb()
        time.sleep(rng.uniform(0.0, 1.0))
        world.restart_apiserver()


def pause_etcd(world: World, fleet: Fleet) -> None:
    for _ in range(6):
        fleet.disturb()
    world.etcd.pause()
    try:
        time.sleep(ETCD_SECONDS)
    finally:
        world.etcd.resume()
    fleet.disturb()


def through_proxy(world: World, folder: Path, signer: Signer, fleet: Fleet, seed: int) -> None:
    """A phase in which one answer of ten fails or is lost, and watches live for a second."""
    proxy = FaultyProxy(world.server, world.ca, random.Random(seed))
    with proxy.running():
        account = world.kubeconfig_for_service_account(*ACCOUNT)
        operator = Operator(world, folder, signer.folder, kubeconfig=proxy.kubeconfig(account)).start()

        def fail() -> None:
            proxy.faults, proxy.rate, proxy.watch_seconds = (401, 409, 429, 500, 503, REFUSED, LOST), 0.1, 1.0
            proxy.cut()
            end = time.monotonic() + FAULTY_SECONDS
            while time.monotonic() < end:
                fleet.disturb()
                time.sleep(0.5)
            proxy.quiet()

        phase("answers failed or lost, watches cut", fleet, operator, fail)
        met = ", ".join(f"{fault}: {count}" for fault, count in sorted(proxy.met.items(), key=str))
        print(f"  faults met: {met}; watches cut: {proxy.cuts}")
        operator.kill()


if __name__ == "__main__":
    sys.exit(main())
