"""The operator as it is installed: what works for a developer with a name, a home and a shell must work without."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.apps import PRIVATE, PROXIED, Tenant, config_map, deployment
from harness.installed import Contained, Installation, Installed
from harness.licenses import Signer
from harness.packing import pack
from harness.running import Operator
from localworld.world import World


@pytest.fixture(scope="module")
def installation(world: World) -> Iterator[Installation]:
    with Installation.made(world.programs.helm) as made:
        yield made


@pytest.fixture(params=[Installed, Contained])
def installed(
    request: pytest.FixtureRequest,
    world: World,
    signer: Signer,
    shared_operator: Operator,
    installation: Installation,
    tmp_path: Path,
) -> Iterator[Installed]:
    """The only operator of the world, in each of the surroundings."""
    operator = request.param(world, tmp_path, signer.folder, installation)
    if shared_operator.running:
        shared_operator.stop()
    operator.start()
    yield operator
    if operator.running:
        operator.kill()


def test_it_makes_a_release_with_a_chart_ready(installed: Installed, world: World, signer: Signer) -> None:
    tenant = Tenant.make(world, signer)
    chart = {
        "shop/Chart.yaml": b"apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        "shop/templates/settings.yaml": yaml.safe_dump(config_map("{{ .Release.Name }}-settings")).encode(),
    }
    document = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "HelmChart",
        "metadata": {"name": "shop"},
        "spec": {"chart": {"name": "shop", "chartVersion": "1.0.0"}},
    }
    files = {
        "shop-1.0.0.tgz": pack(chart),
        "chart.yaml": yaml.safe_dump(document).encode(),
        "api.yaml": yaml.safe_dump(deployment("api")).encode(),
    }
    tenant.put_secret("shop", {"release.tgz": pack(files)})
    spec = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"secretRef": {"name": "shop"}}]}
    tenant.put_app_spec("shop", spec)

    tenant.wait_ready("shop", 90)

    assert tenant.images("shop")[PRIVATE]["verdict"] == "Private"
    assert tenant.get("deployments", "api")["spec"]["template"]["spec"]["containers"][0]["image"] == PROXIED
    assert tenant.get("configmaps", "shop-settings")
    assert installed.asked("/readyz") == (200, "ok\n")
    assert "Traceback" not in installed.said()
    assert installed.stop() == 0
