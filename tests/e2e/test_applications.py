"""Applications in the manner of real ones, each in a namespace of its own, through all that happens to one: installed,
the operator killed, a fresh probe, an upgrade. Passwords stay throughout, and pods restart at the upgrade alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from harness import releases
from harness.apps import SLUG, Tenant
from harness.deployer import make_deployer
from harness.running import Operator
from harness.waiting import until
from localworld.world import World

PRIVATE = [
    f"quay.io/my-org/{image}"
    for image in ("shop:2.4.1", "analytics:3.1.0", "backend:3.1.0", "frontend:3.1.0", "portal:2.0.0")
] + ["quay.io/my-org/db-operator:5.0.0", "quay.io/my-org/db:14", "quay.io/my-org/migrate:2.4.1"]
COLLECTED = ["quay.io/my-org/collector:1", "quay.io/my-org/probe:1"]
PUBLIC = ["postgres:16"]

# Of each release's next version: in which file what is replaced by what.
UPGRADES: dict[str, tuple[str, str, str]] = {
    "calls-make-the-yaml": ("app.yaml", "  json: ", "  added: in the next version\n  json: "),
    "chart-with-optional-values": ("helmchart.yaml", 'ConfigOption "memory" }}Gi', 'ConfigOption "memory" }}Mi'),
    "documents-of-every-tool": ("all.yaml", "data: {hostname:", "data: {added: next, hostname:"),
    "license-only": ("app.yaml", "  customer:", "  added: in the next version\n  customer:"),
    "loops-and-trims": ("tenants.yaml", "  admins: |", "  added: in the next version\n  admins: |"),
    "operator-with-custom-resources": ("operator.yaml", "--watch-namespace", "--namespace"),
    "random-in-manifests": ("secrets.yaml", "  uuid:", "  added: in the next version\n  uuid:"),
    "sdk-as-subchart": ("helmchart.yaml", "title: Portal", "title: New portal"),
    "shipped-answers": ("app.yaml", "  host:", "  added: in the next version\n  host:"),
    "stateful-with-lookup": ("helmchart.yaml", "logLevel: info", "logLevel: debug"),
    "two-charts": ("helmcharts.yaml", 'extra: "password', 'resources: {limits: {cpu: "1"}}\n    extra: "password'),
    "web-shop": ("deployment.yaml", "name: LOG_LEVEL", "name: LEVEL"),
}
# Objects that KOTS's own documents and the operator make, which are no part of a release.
NOT_OF_THE_RELEASE = ("kotsapp.dev/release.v1", "kubernetes.io/service-account-token")


def next_version(name: str) -> dict[str, bytes]:
    files = releases.release(name)
    file, before, after = UPGRADES[name]
    assert before.encode() in files[file]
    return files | {file: files[file].replace(before.encode(), after.encode())}


def put(tenant: Tenant, name: str, files: dict[str, bytes]) -> None:
    tenant.put_secret("release", {"release.tgz": releases.archive(files)})
    spec = {
        "license": {"secretRef": {"name": "my-license"}},
        "manifests": [{"secretRef": {"name": "release"}}],
        "config": {"values": releases.ANSWERS.get(name, {})},
        "serviceAccountName": "deployer",
    }
    tenant.put_app_spec("app", spec)


def secrets(tenant: Tenant) -> dict[str, dict[str, str]]:
    """What is drawn, filled in and looked up: the app's Secrets, less what it pulls images with."""
    found = tenant.all("secrets")
    return {
        secret["metadata"]["name"]: secret.get("data") or {}
        for secret in found
        if "kotsapp.dev/name" in (secret["metadata"].get("labels") or {})
        and secret["type"] not in NOT_OF_THE_RELEASE
        and secret["metadata"]["name"] != f"{SLUG}-registry"
    }


def config_maps(tenant: Tenant) -> dict[str, dict[str, str]]:
    return {
        one["metadata"]["name"]: one.get("data") or {}
        for one in tenant.all("configmaps")
        if "kotsapp.dev/name" in (one["metadata"].get("labels") or {})
    }


def pods(tenant: Tenant) -> dict[str, set[str]]:
    """By their workload, whose name is their label ``app``."""
    found: dict[str, set[str]] = {}
    for pod in tenant.all("pods"):
        if "deletionTimestamp" not in pod["metadata"]:
            found.setdefault(pod["metadata"]["labels"]["app"], set()).add(pod["metadata"]["uid"])
    return found


def templates(tenant: Tenant) -> dict[str, Any]:
    workloads = (*tenant.all("deployments"), *tenant.all("statefulsets"))
    return {one["metadata"]["name"]: one["spec"]["template"] for one in workloads}


def are_those_of_the_upgrade(now: dict[str, set[str]], before: dict[str, set[str]], changed: set[str]) -> bool:
    """New ones where the new version changed what they are made from, the old ones elsewhere."""
    return now.keys() == before.keys() and all(
        now[name].isdisjoint(before[name]) if name in changed else now[name] == before[name] for name in now
    )


def revision(tenant: Tenant) -> Any:
    return tenant.status("app").get("release", {}).get("revision")


@pytest.fixture(scope="module")
def images(world: World) -> None:
    for image in PRIVATE:
        world.push_image(image, proxied_for=SLUG)
    for image in COLLECTED:
        world.push_image(image, proxied_for=SLUG)
    for image in PUBLIC:
        world.push_image(image)


def each_ready(apps: Iterable[tuple[str, Tenant]]) -> None:
    for name, tenant in apps:
        try:
            tenant.wait_ready("app", 180)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def test_passwords_stay_throughout_and_pods_restart_at_the_upgrade_alone(
    world: World, new_tenant: Callable[..., Tenant], operator: Operator, images: None
) -> None:
    apps = {name: new_tenant(channelName="Stable") for name in releases.NAMES}
    for name, tenant in apps.items():
        make_deployer(tenant, verbs=["*"])
        put(tenant, name, releases.release(name))
    each_ready(apps.items())
    drawn = {name: secrets(tenant) for name, tenant in apps.items()}
    settings = {name: config_maps(tenant) for name, tenant in apps.items()}
    running = {name: pods(tenant) for name, tenant in apps.items()}
    made_from = {name: templates(tenant) for name, tenant in apps.items()}
    with_pods = {name for name, found in running.items() if found}
    assert with_pods == {
        "chart-with-optional-values",
        "operator-with-custom-resources",
        "sdk-as-subchart",
        "stateful-with-lookup",
        "two-charts",
        "web-shop",
    }
    assert {name for name, found in drawn.items() if found} >= {
        "random-in-manifests",
        "stateful-with-lookup",
        "web-shop",
    }

    operator.kill()
    operator.start()
    for tenant in apps.values():
        tenant.kubectl("annotate", "--overwrite", "kotsapp/app", "kotsapp.dev/requestedAt=again")
    for name, tenant in apps.items():
        until(lambda t=tenant: t.status("app").get("lastHandledRequestedAt") == "again", f"{name} is looked at", 120)
    each_ready(apps.items())
    assert {name: secrets(tenant) for name, tenant in apps.items()} == drawn
    assert {name: config_maps(tenant) for name, tenant in apps.items()} == settings
    assert {name: pods(tenant) for name, tenant in apps.items()} == running

    before = {name: revision(tenant) for name, tenant in apps.items()}
    assert set(before.values()) == {1}
    for name, tenant in apps.items():
        put(tenant, name, next_version(name))
    for name, tenant in apps.items():
        until(lambda t=tenant: revision(t) == 2, f"{name} is upgraded", 180)
    each_ready(apps.items())
    for name, tenant in apps.items():
        after = secrets(tenant)
        kept = {secret: {key: after[secret][key] for key in data} for secret, data in drawn[name].items()}
        assert kept == drawn[name], name
        now, old = templates(tenant), running[name]
        changed = {workload for workload in now if now[workload] != made_from[name][workload]}
        assert bool(changed) == bool(old), name
        seen = f"{name}: the pods of {changed} are new ones, and others are not"
        until(lambda t=tenant, o=old, c=changed: are_those_of_the_upgrade(pods(t), o, c), seen, 120)
