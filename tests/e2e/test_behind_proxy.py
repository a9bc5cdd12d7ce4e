"""The operator where HTTPS_PROXY is set, as OpenShift, Rancher and OLM set it: its start, its watches, its writes."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from harness.apps import PRIVATE, PROXIED, Tenant, deployment
from harness.forked import ForkedOperator
from harness.kubeconfigs import connect_proxy
from harness.licenses import Signer
from harness.running import Operator
from localworld.world import World

SERVICES = "10.0.0.0/8,0.0.0.0/8,.svc,.cluster.local"


class Behind(ForkedOperator):
    """Finds the API server at another host name or address of this machine, with these variables."""

    variables: Mapping[str, str]

    def ask(self, host: str, **variables: str) -> "Behind":
        document = yaml.safe_load(self._kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        cluster["server"] = f"https://{host}:{urlsplit(cluster['server']).port}"
        cluster["tls-server-name"] = "kubernetes.default.svc"
        self._kubeconfig = self.log.with_name("behind.kubeconfig")
        self._kubeconfig.write_text(yaml.safe_dump(document))
        self.variables = variables
        return self

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.variables}


@pytest.fixture
def behind(world: World, signer: Signer, shared_operator: Operator, tmp_path: Path) -> Iterator[Behind]:
    """The only operator of the world."""
    if shared_operator.running:
        shared_operator.stop()
    operator = Behind(world, tmp_path, signer.folder)
    yield operator
    if operator.running:
        operator.kill()


def put_app_and_wait(world: World, signer: Signer) -> None:
    tenant = Tenant.make(world, signer)
    tenant.put_app("shop", [deployment("api", PRIVATE)])
    tenant.wait_ready("shop", 90)
    assert tenant.get("deployments", "api")["spec"]["template"]["spec"]["containers"][0]["image"] == PROXIED


def test_the_services_range_is_reached_without_the_proxy(behind: Behind, world: World, signer: Signer) -> None:
    # Loopback, but not of the addresses that are reached without a proxy in any case; nobody is on port 9.
    behind.ask("0.0.0.0", HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY=SERVICES).start()
    put_app_and_wait(world, signer)
    assert behind.stop() == 0


async def test_the_proxy_leads_to_an_api_server_elsewhere(behind: Behind, world: World, signer: Signer) -> None:
    async with connect_proxy() as (proxy, tunnels):
        behind.ask("api.example.invalid", HTTPS_PROXY=proxy, NO_PROXY=SERVICES)
        await asyncio.to_thread(behind.start)
        await asyncio.to_thread(put_app_and_wait, world, signer)
        assert await asyncio.to_thread(behind.stop) == 0
    assert {authority.partition(":")[0] for authority in tunnels} == {"api.example.invalid"}
