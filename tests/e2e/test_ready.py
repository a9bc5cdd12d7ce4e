"""/readyz: whether KotsApps are watched, not whether a process runs."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.faults import FaultyProxy
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import ACCOUNT, Operator
from harness.waiting import until
from localworld.world import World


@pytest.fixture
def proxy(world: World) -> Iterator[FaultyProxy]:
    with FaultyProxy(world.server, world.ca, random.Random(1)).running() as running:
        yield running


@pytest.fixture
def behind(
    proxy: FaultyProxy, world: World, signer: Signer, shared_operator: Operator, tmp_path: Path
) -> Iterator[Operator]:
    """An operator whose requests for KotsApps are refused by the proxy before the API server, as yet."""
    if shared_operator.running:
        shared_operator.stop()
    proxy.veto = lambda line: "/kotsapps?" in line or "/kotsapps " in line
    kubeconfig = proxy.kubeconfig(world.kubeconfig_for_service_account(*ACCOUNT))
    operator = ForkedOperator(world, tmp_path, signer.folder, kubeconfig=kubeconfig).start(ready=False)
    yield operator
    if operator.running:
        operator.kill()


def test_it_is_ready_as_long_as_kotsapps_are_watched(behind: Operator, proxy: FaultyProxy) -> None:
    until(lambda: "KotsApps can't be watched yet" in behind.said(), "Kopf has asked for KotsApps, and not got them")
    assert behind.asked("/readyz")[0] == 503
    assert behind.asked("/healthz")[0] == 200
    assert "watching KotsApps" not in behind.said()

    veto, proxy.veto = proxy.veto, None
    until(lambda: behind.asked("/readyz")[0] == 200, "it is ready when they were listed")
    assert "watching KotsApps" in behind.said()

    proxy.veto = veto
    proxy.cut()
    until(lambda: behind.asked("/readyz")[0] == 503, "it is not ready when the watch is cut")
    assert "can't be reached" in behind.asked("/readyz")[1]

    proxy.veto = None
    until(lambda: behind.asked("/readyz")[0] == 200, "it is ready when the watch is back")
    assert behind.stop() == 0
