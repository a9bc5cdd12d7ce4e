"""``kubectl kotsapp``, as a person runs it: tables that stay whole at any width, and exit codes that tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

from harness.apps import PRIVATE, PUBLIC, Tenant, deployment
from harness.running import ROOT
from localworld.world import World


def plugin(world: World, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
    environment |= {"PYTHONPATH": str(ROOT / "operator"), "COLUMNS": "80"}
    command = [sys.executable, "-m", "kotsapp.cli.plugin", *arguments, "--kubeconfig"]
    return subprocess.run(
        [*command, str(kubeconfig or world.kubeconfig)], env=environment, capture_output=True, text=True, check=False
    )


def test_an_app_that_is_well(world: World, tenant: Tenant) -> None:
    tenant.put_app("shop", [deployment("api", PRIVATE), deployment("web", PUBLIC)])
    tenant.wait_ready("shop")

    status = plugin(world, "status", "shop", "-n", tenant.namespace)
    lines = status.stdout.splitlines()
    assert status.returncode == 0
    assert lines[0].split() == ["KotsApp", f"{tenant.namespace}/shop"]
    assert "Images      2: 1 through the proxy, 1 directly" in lines
    assert any(line.split()[:3] == ["Ready", "True", "ReconciliationSucceeded"] for line in lines)
    assert "2 images, 1 through the proxy; 2 of 2 workloads ready" in status.stdout

    images = plugin(world, "images", "shop", "-n", tenant.namespace)
    assert images.returncode == 0
    heads, private, _ = images.stdout.splitlines()
    assert heads.split() == ["IMAGE", "VERDICT", "ROUTE", "HTTP", "VERIFIED", "USED", "BY", "MESSAGE"]
    assert private.split()[:6] == [PRIVATE, "Private", "Proxy", "401", "True", "Deployment/api"]

    printed = plugin(world, "images", "shop", "-n", tenant.namespace, "-o", "json")
    assert [image["image"] for image in json.loads(printed.stdout)["images"]] == [PRIVATE, PUBLIC]


def test_an_app_that_is_stuck_says_why_in_one_line_and_in_the_exit_code(world: World, tenant: Tenant) -> None:
    tenant.put_app("shop", [deployment("api", PRIVATE)], license={"secretRef": {"name": "missing"}})
    tenant.wait_reason("shop", "LicenseNotFound")
    message = tenant.condition("shop")["message"]

    status = plugin(world, "status", "shop", "-n", tenant.namespace)
    assert status.returncode == 1
    assert any(line.startswith("Ready") and line.endswith(message) for line in status.stdout.splitlines())

    images = plugin(world, "images", "shop", "-n", tenant.namespace)
    assert images.returncode == 1
    assert message in images.stderr


def test_a_suspended_app_is_not_taken_for_one_that_is_well(world: World, tenant: Tenant) -> None:
    tenant.put_app("shop", [deployment("api", PUBLIC)])
    tenant.wait_ready("shop")
    tenant.put_app("shop", [deployment("api", PRIVATE)], suspend=True)

    status = plugin(world, "status", "shop", "-n", tenant.namespace)
    assert status.returncode == 1
    assert "Suspended" in status.stdout
    assert "Outdated" in status.stdout
    retry = plugin(world, "retry", "shop", "-n", tenant.namespace)
    assert "once spec.suspend is false" in retry.stdout

    rerender = plugin(world, "rerender", "shop", "-n", tenant.namespace)
    assert rerender.stdout == "kotsapp/shop: asked for a new rendering of its release, once spec.suspend is false\n"
    assert set(tenant.app("shop")["metadata"]["annotations"]) == {"kotsapp.dev/requestedAt", "kotsapp.dev/renderAt"}


def test_diff_tells_what_resuming_changes_and_nothing_once_that_is_done(world: World, tenant: Tenant) -> None:
    tenant.put_app("shop", [deployment("api", PRIVATE), deployment("old", PUBLIC)])
    tenant.wait_ready("shop")
    assert plugin(world, "diff", "shop", "-n", tenant.namespace).stdout == ""
    tenant.put_app("shop", [deployment("api", PRIVATE, replicas=2), deployment("new", PUBLIC)], suspend=True)

    found = plugin(world, "diff", "shop", "-n", tenant.namespace)
    assert found.returncode == 1, found.stderr
    lines = found.stdout.splitlines()
    assert [line for line in lines if line.startswith(("---", "+++"))] == [
        "--- live/Deployment/api",
        "+++ next/Deployment/api",
        "--- /dev/null",
        "+++ next/Deployment/new",
        "--- live/Deployment/old",
        "+++ /dev/null",
    ]
    api = lines[: lines.index("--- /dev/null")]
    assert {line.strip("+- ") for line in api if line[0] in "+-"} - {
        "",
        "live/Deployment/api",
        "next/Deployment/api",
    } == {
        "replicas: 1",
        "replicas: 2",
    }
    assert plugin(world, "resume", "shop", "-n", tenant.namespace).returncode == 0
    tenant.wait_ready("shop")
    done = plugin(world, "diff", "shop", "-n", tenant.namespace)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_report_is_made_of_an_app_that_runs(world: World, tenant: Tenant, tmp_path: Path) -> None:
    tenant.put_app("shop", [deployment("api", PRIVATE)])
    tenant.wait_ready("shop")
    made = plugin(world, "report", "shop", "-n", tenant.namespace, "--to", str(tmp_path / "shop.html"))
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "shop.html").read_text()
    assert PRIVATE in page and "Nothing: the app is as it should be." in page
    assert "local-license-id" not in page and "127.0.0.1" not in page


def test_what_is_not_there_is_one_clear_line(world: World, tenant: Tenant, tmp_path: Path) -> None:
    nobody = plugin(world, "status", "nobody", "-n", tenant.namespace)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    assert f"there is no KotsApp nobody in namespace {tenant.namespace}" in nobody.stderr

    nowhere = plugin(world, "status", "shop", kubeconfig=tmp_path / "none")
    assert (nowhere.returncode, nowhere.stderr) == (
        1,
        f"kubectl kotsapp: no cluster: there is no kubeconfig {tmp_path}/none\n",
    )
