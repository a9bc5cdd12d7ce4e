"""Each way that is shipped to install the operator, done with the real tools; the tests' process stands for its pod."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.apps import LICENSE_ID, PRIVATE, PROXIED, PUBLIC, SLUG, Tenant, config_map, deployment
from harness.audit import OPERATOR
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import ROOT, Operator
from harness.shipped import CHART, NAME, NAMESPACE
from harness.waiting import until
from kotsapp import __version__
from localworld.world import World

OVERLAY = ROOT / "deploy" / "overlays" / "namespaced"
DEFINITION = "crd/kotsapps.kotsapp.dev"
SHIPPED_IMAGE = f"ghcr.io/kotsapp-operator/kotsapp-operator:{__version__}"


@pytest.fixture(scope="module")
def empty_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster that has never heard of the operator, whose image its registry has."""
    folder = tmp_path_factory.mktemp("empty")
    with World.start(folder, audit=True, licenses=[LICENSE_ID]) as started:
        started.registries.make_public("ghcr.io", "kotsapp-operator/*")
        started.push_image(SHIPPED_IMAGE)
        started.push_image(PRIVATE, proxied_for=SLUG)
        started.push_image(PUBLIC)
        yield started
    shutil.rmtree(folder, ignore_errors=True)


def run_as_installed(world: World, signer: Signer, folder: Path, *flags: str) -> Operator:
    """With the rights that were installed, and the flags of the pod that was."""
    pod = json.loads(world.kubectl("get", "deployment", NAME, "-n", NAMESPACE, "-o", "json"))["spec"]["template"]
    arguments = pod["spec"]["containers"][0]["args"]
    assert arguments[0] == "run"
    return ForkedOperator(world, folder, signer.folder, *arguments[1:], "--log-format", "text", *flags).start()


def helm(world: World, folder: Path, *arguments: str, values: dict[str, Any] | None = None) -> str:
    """What helm prints, as the administrator; an AssertionError when it fails."""
    environment = {"KUBECONFIG": str(world.kubeconfig), "HOME": str(folder), "NO_PROXY": "127.0.0.1", "PATH": "/bin"}
    command = [str(world.programs.helm), *arguments, "--namespace", NAMESPACE]
    if values is not None:
        command += ["--values", "-"]
    given = yaml.safe_dump(values or {})
    done = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(world: World) -> list[str]:
    """What the API server refused to the operator for want of a right, from its audit log."""
    assert world.audit_log is not None
    entries = [json.loads(line) for line in world.audit_log.read_bytes().rpartition(b"\n")[0].splitlines()]
    codes = [
        (entry["responseStatus"]["code"], f"{entry['verb']} {entry['requestURI']}")
        for entry in entries
        if entry["user"]["username"] == OPERATOR and "responseStatus" in entry
    ]
    assert any(code == 200 for code, _ in codes)
    return [request for code, request in codes if code == 403]


def allowed(world: World, *question: str) -> bool:
    return world.kubectl("auth", "can-i", *question, f"--as={OPERATOR}", check=False).strip() == "yes"


def test_in_one_namespace_it_works_without_any_right_outside(
    empty_world: World, signer: Signer, tmp_path: Path
) -> None:
    world = empty_world
    for name in ("apps", "others"):
        world.create_namespace(name)
    world.kubectl("apply", "-k", str(OVERLAY))
    world.kubectl("wait", "--for=condition=Established", DEFINITION, "--timeout=20s")
    # Under the Pod Security level that its namespace enforces, in the priority class that came along.
    world.kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=60s")
    assert allowed(world, "list", "secrets", "-n", "apps")
    assert not allowed(world, "list", "secrets", "-n", "others")
    assert not allowed(world, "list", "kotsapps.kotsapp.dev", "--all-namespaces")

    tenant, other = Tenant(world, signer, "apps"), Tenant(world, signer, "others")
    operator = run_as_installed(world, signer, tmp_path)
    try:
        for somebody in (tenant, other):
            somebody.put_license()
            somebody.put_app("shop", [deployment("api"), config_map("settings", colour="red")])
        tenant.wait_ready("shop")
        assert tenant.get("deployments", "api")["spec"]["template"]["spec"]["containers"][0]["image"] == PROXIED

        tenant.kubectl("delete", "configmap", "settings")
        until(lambda: tenant.get("configmaps", "settings"), "what was deleted is there again")
        tenant.put_app("shop", [deployment("api")])
        until(lambda: not tenant.get("configmaps", "settings"), "what left the manifests is gone")
        tenant.kubectl("delete", "kotsapp", "shop", "--timeout=30s")
        assert not tenant.get("deployments", "api")
        assert not other.condition("shop")
    finally:
        operator.stop()

    assert refused(world) == []
    world.kubectl("delete", "-k", str(OVERLAY), "--timeout=60s")
    assert "kotsapp" not in world.kubectl("get", "clusterroles,clusterrolebindings,crds,priorityclasses", "-o", "name")


def older(folder: Path) -> Path:
    """The chart of an earlier version, whose definition lacks a column and a field."""
    chart = folder / "kotsapp-operator"
    shutil.copytree(CHART, chart)  # links become files
    path = chart / "files" / "kotsapps.kotsapp.dev.yaml"
    definition = yaml.safe_load(path.read_text())
    (version,) = definition["spec"]["versions"]
    version["additionalPrinterColumns"].pop()
    del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["suspend"]
    path.write_text(yaml.safe_dump(definition, sort_keys=False))
    facts = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**facts, "version": "0.0.9"}))
    return chart


def columns(world: World) -> list[str]:
    found = json.loads(world.kubectl("get", DEFINITION, "-o", "json"))["spec"]["versions"][0]
    return [column["name"] for column in found["additionalPrinterColumns"]]


def test_helm_installs_upgrades_and_leaves_what_is_not_its_own(
    empty_world: World, signer: Signer, tmp_path: Path
) -> None:
    world = empty_world
    helm(world, tmp_path, "install", NAME, str(older(tmp_path)), "--create-namespace", "--wait", "--timeout", "90s")
    before = columns(world)
    tenant = Tenant.make(world, signer)
    operator = run_as_installed(world, signer, tmp_path)
    try:
        tenant.put_app("shop", [deployment("api")])
        tenant.wait_ready("shop")

        said = helm(
            world,
            tmp_path,
            *("upgrade", NAME, str(CHART), "--wait", "--timeout", "90s"),
            values={"namespaces": [tenant.namespace], "networkPolicy": {"enabled": True}},
        )
        assert f"keeps KotsApps true in {tenant.namespace}." in said
        assert f"kubectl -n {tenant.namespace} delete kotsapps --all" in said, "the notes tell how to leave"
        assert len(columns(world)) == len(before) + 1
        assert "suspend" in world.kubectl("explain", "kotsapp.spec")
        assert not allowed(world, "list", "secrets", "-n", "default")
        assert allowed(world, "list", "secrets", "-n", tenant.namespace)
    finally:
        operator.stop()

    confined = run_as_installed(world, signer, tmp_path)
    tenant.kubectl("delete", "deployment", "api")
    until(lambda: tenant.get("deployments", "api"), "it is kept true by who was upgraded")
    confined.stop()

    helm(world, tmp_path, "uninstall", NAME, "--wait", "--timeout", "60s")
    assert tenant.app("shop")["metadata"]["name"] == "shop"
    assert tenant.get("deployments", "api")
    assert not allowed(world, "list", "secrets", "-n", tenant.namespace)

    helm(world, tmp_path, "install", NAME, str(CHART), "--wait", "--timeout", "90s")
    again = run_as_installed(world, signer, tmp_path)
    tenant.kubectl("delete", "kotsapp", "shop", "--timeout=30s")
    assert not tenant.get("deployments", "api")
    again.stop()
    helm(world, tmp_path, "uninstall", NAME, "--wait", "--timeout", "60s")


def test_with_two_rights_for_the_whole_cluster_a_deleted_namespace_goes(
    empty_world: World, signer: Signer, tmp_path: Path
) -> None:
    world, tenant = empty_world, Tenant.make(empty_world, signer)
    values = {"namespaces": [tenant.namespace], "rbac": {"deletedNamespaces": True}}
    helm(world, tmp_path, "upgrade", "--install", NAME, str(CHART), "--create-namespace", values=values)
    operator = run_as_installed(world, signer, tmp_path)
    try:
        tenant.put_app("shop", [deployment("api", PUBLIC)])
        tenant.wait_ready("shop")
        world.kubectl("delete", "namespace", tenant.namespace, "--timeout=60s")
    finally:
        operator.stop()
        helm(world, tmp_path, "uninstall", NAME)


def test_kustomize_and_helm_take_an_installation_over_from_each_other(empty_world: World, tmp_path: Path) -> None:
    def deployed() -> tuple[str, str | None]:
        found = json.loads(world.kubectl("get", "deployment", NAME, "-n", NAMESPACE, "-o", "json"))
        labels = found["spec"]["template"]["metadata"]["labels"]
        return found["metadata"]["uid"], labels.get("app.kubernetes.io/instance")

    world = empty_world
    world.kubectl("apply", "-k", str(ROOT / "deploy"))
    first, _ = deployed()
    for command in documented("## From kustomize to Helm, and back"):
        shell(world, tmp_path, command)
        world.kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=60s")
        assert deployed()[0] == first
    assert "sh.helm.release" not in world.kubectl("get", "secrets", "-n", NAMESPACE, "-o", "name")
    world.kubectl("delete", "-k", str(ROOT / "deploy"), "--timeout=60s")


def test_who_has_removed_the_operator_first_lets_the_apps_go_by_hand(
    empty_world: World, signer: Signer, tmp_path: Path
) -> None:
    world = empty_world
    world.kubectl("apply", "-k", str(ROOT / "deploy"))
    world.kubectl("wait", "--for=condition=Established", DEFINITION, "--timeout=20s")
    tenant = Tenant.make(world, signer)
    operator = run_as_installed(world, signer, tmp_path)
    try:
        tenant.put_app("shop", [deployment("api")])
        tenant.wait_ready("shop")
    finally:
        operator.stop()
    world.kubectl("delete", "-k", str(ROOT / "deploy"), "--wait=false")
    until(lambda: "deletionTimestamp" in tenant.app("shop")["metadata"], "the app is to go")
    assert tenant.get("deployments", "api")

    (command,) = documented("### When the operator went first")
    shell(world, tmp_path, command)

    world.kubectl("wait", "--for=delete", DEFINITION, "--timeout=60s")
    until(lambda: not tenant.get("deployments", "api"), "Kubernetes has collected what the app brought")


def documented(heading: str) -> list[str]:
    """The commands below a heading of docs/configuration.md, in their order."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    part = re.split(r"\n#+ ", page.partition(f"{heading}\n")[2])[0]
    return [block.partition("```")[0] for block in part.split("```sh\n")[1:]]


def shell(world: World, folder: Path, command: str) -> None:
    """Commands as they are documented, run beside a checkout by the administrator."""
    environment = {"KUBECONFIG": str(world.kubeconfig), "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    programs = {"kubectl": world.programs.kubectl, "helm": world.programs.helm}
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    for name, path in programs.items():
        (binaries / name).unlink(missing_ok=True)
        (binaries / name).symlink_to(path)
    environment["PATH"] = f"{binaries}:/usr/bin:/bin"
    argv = ["bash", "-euc", command]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
