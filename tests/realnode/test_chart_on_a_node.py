"""The Helm chart as its users install it: the built image, two replicas, on a cluster of one node."""

from collections.abc import Iterator

import pytest

from harness import in_cluster
from harness.apps import PRIVATE, PROXIED, SLUG, Tenant, deployment
from harness.in_cluster import NAME, NAMESPACE
from harness.licenses import LICENSE_ID, Signer
from harness.shipped import CHART
from localworld.registries.image import Image
from localworld.world import World


@pytest.fixture(scope="module")
def charted(real_world: World, image: Image, signer: Signer) -> Iterator[World]:
    real_world.allow_license(LICENSE_ID)
    real_world.push_image(PRIVATE, proxied_for=SLUG)
    in_cluster.install_chart(real_world, image, signer.folder, CHART)
    yield real_world
    real_world.kubectl("delete", "kotsapps", "-A", "--all", "--timeout=60s")
    real_world.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")
    real_world.kubectl("delete", "crd/kotsapps.kotsapp.dev", f"priorityclass/{NAME}")
    real_world.kubectl("delete", "clusterroles,clusterrolebindings", "-l", f"app.kubernetes.io/name={NAME}")


def test_both_replicas_run_on_the_one_node_and_an_app_is_made_ready(charted: World, signer: Signer) -> None:
    pods = in_cluster.pods(charted)
    ready = [c["status"] for pod in pods for c in pod["status"]["conditions"] if c["type"] == "Ready"]
    assert ready == ["True", "True"]
    assert in_cluster.leader(charted) in {pod["metadata"]["name"] for pod in pods}

    tenant = Tenant.make(charted, signer)
    tenant.put_app("shop", [deployment("api")])
    tenant.wait_ready("shop", 90)

    assert f"{PROXIED} runs in api-" in tenant.kubectl("logs", "deployment/api")
    assert "Traceback" not in in_cluster.logs(charted)
