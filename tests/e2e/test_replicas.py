"""Two replicas, one leader (DESIGN 11): whatever happens to them, never two write at once, by the audit log."""

import asyncio
import itertools
import random
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from harness.apps import LICENSE_ID, Tenant, config_map
from harness.faults import FaultyProxy
from harness.licenses import Signer
from harness.prometheus import scraping
from harness.replicas import LEASE, Clock, Replica, Write, overlaps, turns, writes_of
from harness.running import ACCOUNT, ROOT
from harness.waiting import stays, until
from kotsapp.election import RENEW_SECONDS
from kotsapp.kube.connection import Connection
from kotsapp.lease import LEASE_SECONDS, ApiLease, Object
from localworld.programs.apt import AptError
from localworld.world import World

# The audit log's clock is read in the API server, the operator's before it asked.
SLACK = 0.1
NOBODYS = '{"spec":{"holderIdentity":""}}'
RULES = yaml.safe_load((ROOT / "deploy/components/monitoring/prometheusrule.yaml").read_text())["spec"]["groups"]
SOON = 90


@pytest.fixture(scope="module")
def ha_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("replicas")
    with World.start(folder, node=False, audit=True, licenses=[LICENSE_ID]) as started:
        started.kubectl("apply", "-k", str(ROOT / "deploy"))
        started.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")
        yield started
    shutil.rmtree(folder, ignore_errors=True)


class Pair:
    """Two replicas, each with a way of its own to the API server; somebody changes an app of theirs all the time."""

    def __init__(self, world: World, signer: Signer, folder: Path, ways: list[FaultyProxy]) -> None:
        assert world.audit_log is not None
        self.world = world
        self.since = world.audit_log.stat().st_size
        self.tenant = Tenant.make(world, signer)
        self.ways = dict(zip("ab", ways, strict=True))
        self.replicas = {name: Replica(world, folder, signer.folder, name, way) for name, way in self.ways.items()}
        self.every = list(self.replicas.values())

    def leader(self) -> Replica:
        return until(lambda: next((r for r in self.every if r.leads), None), "one leads", SOON)

    def other(self, replica: Replica) -> Replica:
        (found,) = [r for r in self.every if r is not replica]
        return found

    def writes(self) -> list[Write]:
        return writes_of(self.world, self.every, since=self.since)

    def renewals(self) -> list[Write]:
        stored = writes_of(self.world, self.every, leases=True, since=self.since)
        return [write for write in stored if write.what.endswith((" 200", " 201"))]

    def wrote(self, replica: Replica, after: float) -> Write | None:
        return next((w for w in self.writes() if w.who == replica.name and w.received > after), None)

    def wait_written(self, replica: Replica, after: float) -> Write:
        return until(lambda: self.wrote(replica, after), f"{replica.name} writes", SOON)

    def partition(self, *replicas: Replica) -> None:
        for replica in replicas:
            self.ways[replica.name].veto = lambda _: True
            self.ways[replica.name].cut()

    def heal(self) -> None:
        for way in self.ways.values():
            way.veto = None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """The app's manifests change twice a second, so that whoever leads has something to write."""
        over = threading.Event()

        def change() -> None:
            number = 0
            while not over.wait(0.5):
                number += 1
                try:
                    self.tenant.put_app("app", [config_map("settings", number=str(number))])
                except Exception:  # noqa: BLE001 - the API server may be away
                    continue

        thread = threading.Thread(target=change)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def working(world: World, signer: Signer, folder: Path, clocks: Sequence[Clock] = ()) -> Iterator[Pair]:
    """A pair of which one leads and writes and the other follows; in the end it is looked at what they wrote."""
    with ExitStack() as stack:
        ways = [stack.enter_context(FaultyProxy(world.server, world.ca, random.Random(n)).running()) for n in range(2)]
        pair = Pair(world, signer, folder, ways)
        try:
            for replica, clock in itertools.zip_longest(pair.every, clocks):
                replica.extra = clock.environment if clock else {}
                replica.start(ready=False)
            first = pair.leader()
            first.wait_watching(0)
            other = pair.other(first)
            until(lambda: other.follows, "the other one follows", SOON, other.must_run)
            with pair.changing():
                pair.wait_written(first, time.time())
                yield pair
        finally:
            for replica in pair.every:
                if replica.running:
                    replica.kill()
            world.kubectl("-n", ACCOUNT[0], "delete", "lease", LEASE, "--ignore-not-found")
    assert overlaps(pair.writes()) == []
    assert [replica.said().partition("Traceback")[2][-3000:] for replica in pair.every] == ["", ""]


@pytest.fixture
def pair(ha_world: World, signer: Signer, tmp_path: Path) -> Iterator[Pair]:
    with working(ha_world, signer, tmp_path) as pair:
        yield pair


def reported(what: str, seconds: float) -> None:
    print(f"\n{what}: {seconds:.2f} s")


def test_a_follower_is_ready_and_says_whom_it_follows(pair: Pair) -> None:
    first = pair.leader()
    status, said = pair.other(first).asked("/readyz")
    assert (status, said.startswith(f"follower of {first.name}-")) == (200, True)
    assert pair.other(first).asked("/healthz")[0] == 200
    assert "kotsapp_leader 0.0" in pair.other(first).metrics()
    lease = pair.world.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{ACCOUNT[0]}/leases/{LEASE}")
    assert lease["spec"]["holderIdentity"].startswith(f"{first.name}-")
    assert turns(pair.writes()) == [first.name]


def test_every_renewal_is_heard_of_by_the_rights_that_are_shipped(pair: Pair) -> None:
    async def heard() -> list[Object]:
        account = pair.world.kubeconfig_for_service_account(*ACCOUNT)
        connection = await Connection.open("test", kubeconfig=str(account))
        try:
            lease = ApiLease(connection, ACCOUNT[0], LEASE)
            stored = await lease.get()
            assert stored is not None
            events = aiter(lease.watch(stored["metadata"]["resourceVersion"]))
            return [(await anext(events))["object"]["spec"] for _ in range(2)]
        finally:
            await connection.close()

    first = pair.leader()
    one, other = asyncio.run(heard())
    assert one["holderIdentity"].startswith(f"{first.name}-")
    assert one["renewTime"] < other["renewTime"]


def test_a_killed_leader_is_followed_when_its_lease_is_over(pair: Pair) -> None:
    first = pair.leader()
    other, killed = pair.other(first), time.time()
    first.kill()
    began = pair.wait_written(other, killed)
    last = pair.renewals()
    last_of_first = [w for w in last if w.who == first.name][-1]
    taken = next(w for w in last if w.who == other.name)
    reported("leader killed, other one leads", taken.answered - killed)
    reported("  since the Lease was over", taken.answered - last_of_first.answered - LEASE_SECONDS)
    reported("  leader killed, other one writes", began.received - killed)
    assert taken.received - last_of_first.received >= LEASE_SECONDS - SLACK
    assert turns(pair.writes()) == [first.name, other.name]


def test_a_leader_that_is_told_to_end_is_followed_at_once(pair: Pair) -> None:
    first = pair.leader()
    other, at = pair.other(first), time.time()
    assert first.stop() == 0
    reported("leader's process ended", time.time() - at)
    began = pair.wait_written(other, at)
    reported("leader told to end, other one writes", began.received - at)
    released = [w for w in pair.renewals() if w.who == first.name][-1]
    taken = next(w for w in pair.renewals() if w.who == other.name)
    reported("  the Lease given back, other one leads", taken.answered - released.answered)
    assert 0 < taken.received - released.received < LEASE_SECONDS, "it is not waited for"
    assert turns(pair.writes()) == [first.name, other.name]


def test_a_leader_that_is_stopped_for_long_and_goes_on_writes_nothing_more(pair: Pair) -> None:
    first = pair.leader()
    other, at = pair.other(first), time.time()
    first.pause()
    pair.wait_written(other, at)
    first.resume()
    until(lambda: first.follows, "it follows", SOON)
    pair.wait_written(other, time.time())
    assert turns(pair.writes()) == [first.name, other.name]


def test_a_leader_that_is_cut_off_stops_to_write_before_the_other_one_begins(pair: Pair) -> None:
    first = pair.leader()
    other, at = pair.other(first), time.time()
    pair.partition(first)
    began = pair.wait_written(other, at)
    reported("leader cut off, other one writes", began.received - at)
    assert "was not renewed within 10 s" in first.said()
    assert not first.leads
    pair.heal()
    until(lambda: first.follows, "it follows", SOON)
    assert turns(pair.writes()) == [first.name, other.name]


def test_both_cut_off_write_nothing_and_one_leads_when_they_are_back(pair: Pair) -> None:
    at = time.time()
    pair.partition(*pair.every)
    until(lambda: not any(r.leads for r in pair.every), "nobody leads", SOON)
    assert time.time() - at <= RENEW_SECONDS + SOON
    until(lambda: all(r.asked("/readyz")[0] == 503 for r in pair.every), "nobody is ready", SOON)
    back = time.time()
    pair.heal()
    again = pair.leader()
    began = pair.wait_written(again, back)
    reported("both back, one writes", began.received - back)
    assert len(turns(pair.writes())) <= 2


def test_an_api_server_that_is_away_for_30_s_ends_the_term_and_one_leads_after_it(pair: Pair) -> None:
    first = pair.leader()
    pair.world.apiserver.pause()
    try:
        until(lambda: not first.leads, "nobody leads", SOON)
        time.sleep(30)  # the case is this time
    finally:
        pair.world.apiserver.resume()
        back = time.time()
    again = pair.leader()
    began = pair.wait_written(again, back)
    reported("API server back, one writes", began.received - back)
    until(lambda: pair.other(again).follows, "the other one follows", SOON)


def test_clocks_that_jump_change_nothing(ha_world: World, signer: Signer, tmp_path: Path) -> None:
    try:
        library = Clock.library(tmp_path / "faketime")
    except AptError as error:
        pytest.skip(str(error))
    clocks = [Clock(tmp_path, name, library) for name in "ab"]
    with working(ha_world, signer, tmp_path, clocks) as pair:
        first = pair.leader()
        for mine, others in (("+1h", "+0"), ("+0", "+1h"), ("+2h", "+2h"), ("+0", "+0")):
            for replica, clock in zip(pair.every, clocks, strict=True):
                clock.jump(mine if replica is first else others)
            at = time.time()
            stays(lambda: first.leads, "it leads", LEASE_SECONDS + 1)
            pair.wait_written(first, at)
        assert turns(pair.writes()) == [first.name]


def test_an_alert_fires_when_nobody_leads_and_ends_when_somebody_does(
    ha_world: World, signer: Signer, tmp_path: Path
) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE},
        "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 86_400},
    }
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{ACCOUNT[0]}/leases"
    ha_world.api.create(leases, lease)
    replica = Replica(ha_world, tmp_path, signer.folder, "c").start(ready=False)
    try:
        until(lambda: replica.follows, "it follows", SOON)
        with scraping(f"127.0.0.1:{replica.port}", RULES, tmp_path) as prometheus:

            def firing() -> set[str]:
                return {alert["labels"]["alertname"] for alert in prometheus.firing()}

            until(lambda: firing() == {"KotsAppOperatorNoLeader"}, "nobody leads", SOON)
            ha_world.kubectl("-n", ACCOUNT[0], "patch", "lease", LEASE, "--type=merge", "-p", NOBODYS)
            replica.wait_watching(0)
            until(lambda: firing() == set(), "somebody leads", SOON)
    finally:
        replica.kill()
        ha_world.kubectl("-n", ACCOUNT[0], "delete", "lease", LEASE)
