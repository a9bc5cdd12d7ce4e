"""Killed, cut off and refused: at the end every app is what a single undisturbed run would have made."""

import random
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.apps import LICENSE_ID, PRIVATE, PUBLIC, SLUG, VENDOR, Tenant, config_map, deployment, remove_apps
from harness.chaos import kill_once
from harness.faults import LOST, REFUSED, FaultyProxy
from harness.fleet import Fleet
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import ACCOUNT, ROOT, Operator
from harness.waiting import stays, until
from kotsapp.reconcile.services import MAX_RECONCILIATIONS
from localworld.world import World

KILLS = 20  # bench/soak.py has hundreds
SEED = 20260101


@pytest.fixture(scope="module")
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of its own: what is broken here would break the other tests' apps, too."""
    folder = tmp_path_factory.mktemp("fragile")
    with World.start(folder, licenses=[LICENSE_ID]) as started:
        started.push_image(PRIVATE, proxied_for=SLUG)
        started.push_image(PUBLIC)
        started.push_image(VENDOR)
        started.kubectl("apply", "-k", str(ROOT / "deploy"))
        started.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_operator(own_world: World, signer: Signer, tmp_path: Path) -> Iterator[Callable[..., Operator]]:
    """Makes operators for the world; whichever still runs at the end is ended."""
    made: list[Operator] = []

    def make(*flags: str, kubeconfig: Path | None = None, extra_path: Path | None = None) -> Operator:
        made.append(
            ForkedOperator(own_world, tmp_path, signer.folder, *flags, kubeconfig=kubeconfig, extra_path=extra_path)
        )
        return made[-1]

    yield make
    # The next operator brings their end about, instead of looking at all of them anew.
    remove_apps(own_world)
    for operator in made:
        operator.close()


def test_killed_at_random_moments_while_apps_come_change_and_go(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    rng = random.Random(SEED)
    fleet = Fleet(Tenant.make(own_world, signer), rng)
    operator = own_operator().start()
    fleet.start(steady=2, changing=3)
    operator.kill()

    for _ in range(KILLS):
        kill_once(operator, fleet, rng)

    operator.start()
    fleet.wait_ready()
    fleet.check(Tenant.make(own_world, signer))


def test_what_was_made_right_before_a_kill_is_known_afterwards(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    tenant = Tenant.make(own_world, signer)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))
    made = threading.Event()

    def veto(line: str) -> bool:
        """Nothing is told any more once the object is on its way."""
        if line.startswith("PATCH") and f"{tenant.namespace}/configmaps/extra" in line and "dryRun" not in line:
            made.set()
        return made.is_set() and f"{tenant.namespace}/kotsapps/app/status" in line

    proxy.veto = veto
    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        operator = own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        tenant.put_app("app", [config_map("settings"), config_map("extra")])
        until(lambda: tenant.get("configmaps", "extra"), "the object is made")
        operator.kill()

    tenant.put_app("app", [config_map("settings")])
    own_operator().start()
    tenant.wait_ready("app")
    until(lambda: not tenant.get("configmaps", "extra"), "what is wanted no more is pruned")


def test_a_change_that_was_made_right_before_a_kill_is_taken_back_when_the_spec_is(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    tenant = Tenant.make(own_world, signer)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))
    changing, made = threading.Event(), threading.Event()

    def veto(line: str) -> bool:
        """Nothing is told any more once the change is on its way."""
        if line.startswith("PATCH") and f"{tenant.namespace}/configmaps/settings" in line and "dryRun" not in line:
            made.set()
        return changing.is_set() and made.is_set() and f"{tenant.namespace}/kotsapps/app/status" in line

    proxy.veto = veto
    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        operator = own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        tenant.put_app("app", [config_map("settings", version="1")])
        tenant.wait_ready("app")
        made.clear()
        changing.set()
        tenant.put_app("app", [config_map("settings", version="2")])
        until(lambda: tenant.get("configmaps", "settings")["data"] == {"version": "2"}, "the change is made")
        operator.kill()

    tenant.put_app("app", [config_map("settings", version="1")])
    own_operator().start()
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "settings")["data"] == {"version": "1"}


def test_silent_registries_of_one_tenant_hold_up_no_other(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(512)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hosts = [f"silent-{number}.example.invalid" for number in range(MAX_RECONCILIATIONS + 4)]
        for host in hosts:
            own_world.registries.add_endpoint(host, endpoint)
        own_operator().start()
        good, bad = Tenant.make(own_world, signer), Tenant.make(own_world, signer)
        good.put_app("app", [config_map("settings")])
        good.wait_ready("app")
        for number, host in enumerate(hosts):
            bad.put_app(f"app-{number}", [deployment("one", f"{host}/a/b:1")], probe={"timeout": "1m"})
        until(lambda: all(bad.condition(f"app-{n}") for n in range(len(hosts))), "all of them have begun to ask", 20)

        good.kubectl("delete", "configmap", "settings")
        until(lambda: good.get("configmaps", "settings"), "it is put right meanwhile", 5)


def test_nothing_is_made_before_the_finalizer_is_there_to_have_it_removed(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    tenant = Tenant.make(own_world, signer)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))
    tried = threading.Event()

    def veto(line: str) -> bool:
        """The resource's own patch, with which the finalizer comes, does not get through."""
        stopped = line.startswith("PATCH") and f"{tenant.namespace}/kotsapps/app" in line and "/status" not in line
        if stopped:
            tried.set()
        return stopped

    proxy.veto = veto
    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        tenant.put_app("app", [config_map("settings")])
        until(tried.is_set, "the finalizer was to be set")
        stays(lambda: not tenant.get("configmaps", "settings"), "nothing is made", 1.0)

        proxy.veto = None
        tenant.wait_ready("app")
    assert tenant.get("configmaps", "settings")


def test_one_failed_request_for_the_finalizer_leaves_no_app_alone(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    """Kopf waits for another event then, and none may ever come."""
    tenant = Tenant.make(own_world, signer)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))
    refused: set[str] = set()

    def veto(line: str) -> int:
        ours = line.startswith("PATCH") and f"{tenant.namespace}/kotsapps/app" in line and "/status" not in line
        reported = "deleted" if tenant.app("app")["metadata"].get("deletionTimestamp") else "made"
        if not ours or reported in refused:
            return 0
        refused.add(reported)
        return 409

    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        tenant.put_app("app", [config_map("settings")])
        proxy.veto = veto
        tenant.wait_ready("app")
        tenant.kubectl("delete", "kotsapp", "app", "--wait=false")
        until(lambda: not tenant.get("kotsapps", "app"), "it goes", 30)
    assert "made" in refused


def test_an_app_that_can_not_go_yet_is_tried_again_and_holds_up_no_end(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    tenant = Tenant.make(own_world, signer)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))

    def veto(line: str) -> int:
        """Neither the object goes, nor does what Kopf may have to say of that get through."""
        deletes = line.startswith("DELETE") and "/configmaps/settings" in line
        patches = line.startswith("PATCH") and "/kotsapps/app" in line and "/status" not in line
        return 409 if deletes or patches else 0

    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        operator = own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        tenant.put_app("app", [config_map("settings")])
        tenant.wait_ready("app")
        proxy.veto = veto
        tenant.kubectl("delete", "kotsapp", "app", "--wait=false")
        assert "ConfigMap/settings" in tenant.wait_reason("app", "CleanupFailed")["message"]

        began = time.monotonic()
        operator.stop()
        assert time.monotonic() - began < 10
        operator.start()
        assert operator.running
        proxy.veto = None
        until(lambda: not tenant.get("kotsapps", "app"), "it goes", 60)
    assert not tenant.get("configmaps", "settings")


def test_answers_that_fail_get_lost_or_are_cut(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    rng = random.Random(SEED)
    fleet = Fleet(Tenant.make(own_world, signer), rng)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))
    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        # Already while it starts.
        proxy.faults, proxy.rate = (401, 409, 429, 500, 503, REFUSED, LOST), 0.2
        operator = own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        fleet.start(steady=2, changing=2)
        proxy.watch_seconds = 0.5
        proxy.cut()

        def met_all() -> bool:
            fleet.disturb()
            return proxy.cuts >= 10 and len(proxy.met) == len(proxy.faults)

        until(met_all, f"every sort of fault was met: {proxy}", 30)
        proxy.quiet()

        fleet.wait_ready()
        fleet.check(Tenant.make(own_world, signer))
        assert operator.running


def test_credentials_that_are_refused_for_a_while(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    tenant = Tenant.make(own_world, signer)
    proxy = FaultyProxy(own_world.server, own_world.ca, random.Random(SEED))
    left = 3

    def veto(line: str) -> int:
        nonlocal left
        if "/kotsapps?" not in line or not left:
            return 0
        left -= 1
        return 401

    with proxy.running():
        direct = own_world.kubeconfig_for_service_account(*ACCOUNT)
        operator = own_operator(kubeconfig=proxy.kubeconfig(direct)).start()
        tenant.put_app("app", [config_map("settings", a="1")])
        tenant.wait_ready("app")
        proxy.veto = veto
        proxy.cut()

        tenant.put_app("app", [config_map("settings", a="2")])
        until(lambda: tenant.get("configmaps", "settings")["data"] == {"a": "2"}, "the change is applied")
        assert not left
        assert operator.running


def test_an_api_server_that_is_killed_and_comes_back(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    fleet = Fleet(Tenant.make(own_world, signer), random.Random(SEED))
    operator = own_operator().start()
    fleet.start(steady=2, changing=2)
    for _ in range(4):
        fleet.disturb()

    own_world.restart_apiserver()

    fleet.disturb()
    fleet.wait_ready()
    fleet.check(Tenant.make(own_world, signer))
    assert operator.running


def test_an_etcd_that_stops_answering_for_a_while(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator]
) -> None:
    fleet = Fleet(Tenant.make(own_world, signer), random.Random(SEED))
    own_operator().start()
    fleet.start(steady=1, changing=2)
    fleet.disturb()

    own_world.etcd.pause()
    try:
        time.sleep(3.0)
    finally:
        own_world.etcd.resume()

    fleet.disturb()
    fleet.wait_ready()
    fleet.check(Tenant.make(own_world, signer))


def test_a_clock_that_jumps_a_second_forth_and_back_changes_nothing(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator], tmp_path: Path
) -> None:
    patch = tmp_path / "jumping"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(JUMPING_CLOCK)
    tenant = Tenant.make(own_world, signer)
    operator = own_operator(extra_path=patch).start()
    tenant.put_app("app", [deployment("example"), config_map("settings", a="b")])
    tenant.wait_ready("app")
    assert "the clock jumps" in operator.said()

    before = [tenant.app("app"), tenant.get("deployments", "example")["metadata"]["generation"]]

    def unchanged() -> bool:
        return [tenant.app("app"), tenant.get("deployments", "example")["metadata"]["generation"]] == before

    stays(unchanged, "nothing is written", 3.0)
    tenant.kubectl("delete", "configmap", "settings")
    until(lambda: tenant.get("configmaps", "settings"), "drift is still repaired", 5)


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_at_once_when_told_to(
    own_world: World, signer: Signer, own_operator: Callable[..., Operator], busy: bool
) -> None:
    fleet = Fleet(Tenant.make(own_world, signer), random.Random(SEED))
    operator = own_operator().start()
    fleet.start(steady=1, changing=2)
    if busy:
        for _ in range(4):
            fleet.disturb()

    began = time.monotonic()
    code = operator.stop()

    assert time.monotonic() - began < 10
    assert code in (0, -signal.SIGTERM)


# The wall clock of the operator's process: right in even seconds, a second ahead in odd ones.
JUMPING_CLOCK = """
import datetime, sys, time

real, monotonic = time.time, time.monotonic

def ahead():
    return int(monotonic()) % 2

class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=ahead())

time.time = lambda: real() + ahead()
datetime.datetime = Jumping
print("the clock jumps", file=sys.stderr, flush=True)
"""
