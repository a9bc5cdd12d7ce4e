"""The operator's own image, built by the script that ships with it, pulled by a kubelet and installed as documented."""

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from harness import in_cluster
from harness.apps import PRIVATE, PROXIED, SLUG, Tenant, config_map, deployment
from harness.in_cluster import NAME, NAMESPACE, ROOT, TAG
from harness.licenses import LICENSE_ID, Signer
from harness.packing import pack
from harness.waiting import until
from kotsapp.lease import LEASE_SECONDS
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods.policy import LABEL_VALUE
from localworld.layout import PROXY
from localworld.registries.image import Image
from localworld.world import World

MOST_BYTES = 250_000_000


@pytest.fixture(scope="module")
def installed(real_world: World, image: Image, signer: Signer) -> Iterator[World]:
    """A world where `kubectl apply -k deploy/` was said, and the operator told of its registries and keys."""
    real_world.allow_license(LICENSE_ID)
    real_world.push_image(PRIVATE, proxied_for=SLUG)
    in_cluster.install(real_world, image, signer.folder)
    yield real_world
    real_world.kubectl("delete", "kotsapps", "-A", "--all", "--timeout=60s")
    real_world.kubectl("delete", "-k", str(ROOT / "deploy"), "--timeout=60s")


def test_the_image_is_small_and_holds_no_pip_and_no_shell(image: Image) -> None:
    files = _files(image)

    assert sum(files.values()) < MOST_BYTES
    assert {"opt/kotsapp/bin/helm", "opt/kotsapp/bin/kotsapp", "opt/kotsapp/lib/kotsapp/__main__.py"} <= files.keys()
    assert [path for path in files if path.endswith(("/pip/__init__.py", "/setuptools/__init__.py", "bin/sh"))] == []


def test_the_image_says_what_it_is_and_what_is_in_it(image: Image) -> None:
    config = json.loads(image.blobs[json.loads(image.top.content)["config"]["digest"]])["config"]
    bill = json.loads(_content(image, "opt/kotsapp/sbom.cdx.json"))
    locked = {
        line.split("==")[0].lower(): line.split("==")[1].split()[0]
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith(" ")
    }
    listed = {component["name"]: component["version"] for component in bill["components"]}

    assert config["User"] == "65532:65532"
    assert not [variable for variable in config["Env"] if variable.startswith("PIP")]
    assert config["Labels"]["org.opencontainers.image.version"] == TAG
    assert listed.pop("helm").startswith("v4.")
    assert listed.items() <= locked.items()
    assert {"kopf", "httpx", "aiohttp", "pyyaml"} <= listed.keys()


def test_its_pod_runs_as_nobody_on_a_root_that_it_cannot_write(installed: World) -> None:
    pod = _pod(installed)
    run = ("-n", NAMESPACE, "exec", f"deployment/{NAME}", "--", "/usr/bin/python3", "-c")

    who = installed.kubectl(*run, "import os; print(os.getuid(), os.getgid())")
    wrote = installed.kubectl(*run, "import pathlib\ntry: pathlib.Path('/x').touch()\nexcept OSError as e: print(e)")

    assert pod["status"]["containerStatuses"][0]["imageID"].startswith(
        "ghcr.io/kotsapp-operator/kotsapp-operator@sha256:"
    )
    assert who == "65532 65532\n"
    assert "Read-only file system" in wrote


def test_inside_the_cluster_it_makes_an_app_ready(installed: World, signer: Signer) -> None:
    tenant = Tenant.make(installed, signer)
    tenant.put_app("shop", [deployment("api")])

    tenant.wait_ready("shop", 90)

    assert tenant.images("shop")[PRIVATE]["verdict"] == "Private"
    assert f"{PROXIED} runs in api-" in tenant.kubectl("logs", "deployment/api")
    assert "Traceback" not in in_cluster.logs(installed)


def test_its_helm_renders_a_chart_there(installed: World, signer: Signer) -> None:
    tenant = Tenant.make(installed, signer)
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
    release = pack({"shop-1.0.0.tgz": pack(chart), "chart.yaml": yaml.safe_dump(document).encode()})
    tenant.put_secret("shop", {"release.tgz": release})
    spec = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"secretRef": {"name": "shop"}}]}
    tenant.put_app_spec("shop", spec)

    tenant.wait_ready("shop", 90)

    assert tenant.get("configmaps", "shop-settings")


@pytest.fixture
def routing(installed: World, signer: Signer) -> Iterator[Tenant]:
    """A namespace whose pods are routed, by the policy of the component as an administrator adds it."""
    files = [f"--filename={ROOT / 'deploy/components/pods' / name}" for name in ("policy.yaml", "rbac.yaml")]
    installed.kubectl("apply", *files)
    tenant = Tenant.make(installed, signer)
    tenant.kubectl("label", "namespace", tenant.namespace, f"{ROUTED_LABEL}={LABEL_VALUE}")
    yield tenant
    installed.kubectl("delete", *files)


def test_a_pod_that_somebody_elses_controller_made_is_made_anew_once_and_its_image_runs(routing: Tenant) -> None:
    """No manifest names the image: it is found in the pod, which by then waits for it in vain."""
    tenant, image = routing, "quay.io/my-org/database:v7"
    tenant.world.push_image(image, proxied_for=SLUG)
    tenant.put_app("shop", [config_map("settings")], pods={"route": True})
    until(lambda: tenant.condition("shop", "PodsRouted").get("status") == "True", "pods are routed", 90)
    others = deployment("db", image) | {"kind": "StatefulSet"}
    others["spec"]["serviceName"] = "db"

    tenant.kubectl("create", "-f", "-", stdin=yaml.safe_dump(others))
    tenant.kubectl("rollout", "status", "statefulset/db", "--timeout=90s")

    made = [event for event in tenant.all("events") if event["reason"] == "SuccessfulCreate"]
    assert sum(event.get("count", 1) for event in made) == 2
    (deleted,) = [event["message"] for event in tenant.all("events") if event["reason"] == "PodDeleted"]
    assert "Pod/db-0 of StatefulSet/db" in deleted
    pod = tenant.get("pods", "db-0")
    pulled = f"{PROXY}/proxy/{SLUG}/{image}"
    assert pod["spec"]["containers"][0]["image"] == pulled
    assert pod["spec"]["imagePullSecrets"] == [{"name": f"{SLUG}-registry"}]
    assert f"{pulled} runs in db-0" in tenant.kubectl("logs", "db-0")


def test_its_two_replicas_run_on_one_node_and_one_of_them_leads(installed: World) -> None:
    pods = in_cluster.pods(installed)
    assert len(pods) == 2
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 1
    assert in_cluster.leader(installed) in {pod["metadata"]["name"] for pod in pods}


def test_a_leader_that_is_deleted_ends_and_the_other_one_leads_at_once(installed: World, signer: Signer) -> None:
    before = in_cluster.leader(installed)
    (other,) = [name for pod in in_cluster.pods(installed) if (name := pod["metadata"]["name"]) != before]

    installed.kubectl("-n", NAMESPACE, "delete", "pod", before, "--timeout=10s")

    until(lambda: in_cluster.leader(installed) == other, f"{other} leads", LEASE_SECONDS)
    tenant = Tenant.make(installed, signer)
    tenant.put_app("shop", [config_map("settings")])
    tenant.wait_ready("shop", 90)
    in_cluster.roll_out(installed)


def test_a_rolling_update_leaves_somebody_who_leads(installed: World, signer: Signer) -> None:
    before = {pod["metadata"]["name"] for pod in in_cluster.pods(installed)}
    installed.kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{NAME}")
    in_cluster.roll_out(installed)

    until(lambda: in_cluster.leader(installed) not in before, "a new one leads", 60)
    tenant = Tenant.make(installed, signer)
    tenant.put_app("shop", [config_map("settings")])
    tenant.wait_ready("shop", 90)


def _pod(world: World) -> dict[str, Any]:
    return in_cluster.pods(world)[0]


def _archives(image: Image) -> Iterator[tarfile.TarFile]:
    for layer in json.loads(image.top.content)["layers"]:
        with tarfile.open(fileobj=io.BytesIO(image.blobs[layer["digest"]])) as archive:
            yield archive


def _files(image: Image) -> dict[str, int]:
    """The size of each file by its path."""
    return {entry.name: entry.size for archive in _archives(image) for entry in archive}


def _content(image: Image, path: str) -> bytes:
    for archive in _archives(image):
        if path in archive.getnames() and (file := archive.extractfile(path)) is not None:
            return file.read()
    raise FileNotFoundError(path)
