"""From the last released definition to today's: what is there stays valid, and no pod is made anew."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import reference
from harness.apps import LICENSE_ID, PRIVATE, PUBLIC, SLUG, Tenant, config_map, deployment
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import ROOT
from harness.waiting import until
from localworld.world import World

(RELEASED,) = (Path(__file__).parent / "data").glob("kotsapps-*.yaml")
DEFINITION = "crd/kotsapps.kotsapp.dev"
LICENSE = {"secretRef": {"name": "my-license", "key": "license.yaml"}}
# Fields of the released definition that today's has no more: what becomes of them stands in CHANGELOG.md.
GONE = {"helm.patchV2"}
# Between them the apps use every field of the released definition.
APPS: dict[str, dict[str, Any]] = {
    "plain": {
        "license": {"secretRef": {"name": "my-license"}},
        "manifests": [{"inline": yaml.safe_dump_all([deployment("plain"), config_map("settings", a="1")])}],
    },
    "whole": {
        "license": LICENSE,
        "manifests": [
            {"configMapRef": {"name": "manifests", "key": "app.yaml"}},
            {"secretRef": {"name": "more", "key": "app.yaml"}},
        ],
        "proxy": {
            "domain": "proxy.replicated.com",
            "registryDomain": "registry.replicated.com",
            "publicImages": False,
            "verify": "Report",
        },
        "probe": {"interval": "1h", "timeout": "10s", "onUndecided": "Wait", "exclude": ["registry.local/*"]},
        "imagePaths": [
            {"group": "example.invalid", "kind": "Widget", "path": "spec.image", "pullSecretsPath": "spec.secrets"}
        ],
        "helm": {"patchV2": True},
        "pullSecret": {"name": "of-whole"},
        "prune": True,
        "wait": True,
        "timeout": "10m",
        "suspend": False,
    },
    "elsewhere": {
        "license": {"configMapRef": {"name": "license", "key": "license.yaml"}},
        "manifests": [{"inline": yaml.safe_dump(config_map("elsewhere", a="1"))}],
        "pullSecret": {"name": "of-elsewhere"},
        "serviceAccountName": "deployer",
    },
}


@pytest.fixture(scope="module")
def released_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster with everything as it is installed today, but the definition, which is the released one."""
    folder = tmp_path_factory.mktemp("released")
    with World.start(folder, licenses=[LICENSE_ID]) as started:
        started.push_image(PRIVATE, proxied_for=SLUG)
        started.push_image(PUBLIC)
        started.kubectl("apply", "-k", str(ROOT / "deploy"))
        started.kubectl("delete", DEFINITION, "--timeout=20s")
        started.kubectl("create", "-f", str(RELEASED))
        started.kubectl("wait", "--for=condition=Established", DEFINITION, "--timeout=20s")
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tenant(released_world: World, signer: Signer) -> Tenant:
    tenant = Tenant.make(released_world, signer)
    tenant.put_config_map("license", {"license.yaml": signer.sign().decode()})
    tenant.put_config_map("manifests", {"app.yaml": yaml.safe_dump(deployment("first"))})
    tenant.put_secret("more", {"app.yaml": yaml.safe_dump(deployment("second", PUBLIC))})
    for namespace, name in ((tenant.namespace, "deployer"),):
        tenant.kubectl("create", "serviceaccount", name)
        tenant.kubectl("create", "rolebinding", name, "--clusterrole=admin", f"--serviceaccount={namespace}:{name}")
    operator = "--serviceaccount=kotsapp-system:kotsapp-operator"
    tenant.kubectl("create", "rolebinding", "act", "--clusterrole=kotsapp-operator-impersonate", operator)
    return tenant


def spec_fields(definition: dict[str, Any]) -> set[str]:
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {path for path, _ in reference.fields(schema["properties"]["spec"])}


def used(value: Any, path: str = "") -> Iterator[str]:
    for name, inner in value.items():
        at = f"{path}.{name}" if path else name
        yield at
        if isinstance(inner, dict):
            yield from used(inner, at)
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for item in inner:
                yield from used(item, f"{at}[]")


def running(tenant: Tenant) -> dict[str, Any]:
    """What must not change: each object's identity, generation and data."""
    found = {}
    for plural in ("deployments", "replicasets", "pods", "configmaps", "secrets"):
        for obj in tenant.all(plural):
            facts = (obj["metadata"]["uid"], obj["metadata"].get("generation"), obj.get("data"))
            found[plural, obj["metadata"]["name"]] = facts
    return {key: facts for key, facts in found.items() if key[1] != "kube-root-ca.crt"}


def looked_at(tenant: Tenant, name: str) -> bool:
    return bool(tenant.status(name).get("lastHandledRequestedAt") == "upgraded")


def document(name: str) -> str:
    """The KotsApp as a person has it in a file, without what is gone."""
    spec = {key: value for key, value in APPS[name].items() if key != "helm"}
    made = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": name}, "spec": spec}
    return yaml.safe_dump(made)


def test_the_apps_use_every_field_that_was_released_and_today_knows_all_but_what_is_told() -> None:
    released, today = (
        spec_fields(yaml.safe_load(path.read_text()))
        for path in (RELEASED, ROOT / "crds" / "kotsapps.kotsapp.dev.yaml")
    )
    assert {field for spec in APPS.values() for field in used(spec)} | {"manifests[].inline"} == released
    assert released - today == GONE


def test_under_todays_definition_all_is_valid_and_nothing_that_runs_changes(
    released_world: World, tenant: Tenant, signer: Signer, tmp_path: Path
) -> None:
    operator = ForkedOperator(released_world, tmp_path, signer.folder).start()
    try:
        for name, spec in APPS.items():
            tenant.put_app_spec(name, spec)
        for name in APPS:
            tenant.wait_ready(name, 90)
        before, generations = running(tenant), {name: tenant.app(name)["metadata"]["generation"] for name in APPS}
        assert {plural for plural, _ in before} >= {"deployments", "replicasets", "pods"}
        operator.stop()

        released_world.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "deploy"))
        newest = tenant.app("plain") | {"spec": {**APPS["plain"], "ignoreFields": []}}
        dry = ("--dry-run=server", "-f", "-")
        text = json.dumps({**newest, "metadata": {"name": "plain"}, "status": None})
        until(
            lambda: tenant.kubectl("apply", *dry, stdin=text, check=False),
            "the API server serves today's definition",
            60,
        )
        for name in APPS:
            tenant.kubectl(
                "apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-", stdin=document(name)
            )
            assert tenant.condition(name)["status"] == "True"

        at = len(operator.said())
        operator.start(ready=False)
        until(lambda: "watching KotsApps" in operator.said(at), "it watches KotsApps", 120)
        for name in APPS:
            tenant.kubectl("annotate", "kotsapp", name, "kotsapp.dev/requestedAt=upgraded")
        for name in APPS:
            until(partial(looked_at, tenant, name), f"{name} is looked at", 90)
            tenant.wait_ready(name, 90)

        after = running(tenant)
        assert {key: after.get(key) for key in before} == before
        assert {key for key in after.keys() - before.keys() if key[0] != "secrets"} == set()
        assert {name: tenant.app(name)["metadata"]["generation"] for name in APPS} == generations
    finally:
        if operator.running:
            operator.stop()
