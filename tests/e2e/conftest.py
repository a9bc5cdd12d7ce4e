"""One world and one operator for all end-to-end tests; each test has a namespace of its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.apps import CEL_MINOR, DOWN, LICENSE_ID, PRIVATE, PUBLIC, SLUG, TALKATIVE, VENDOR, Tenant, remove_apps
from harness.forked import ForkedOperator
from harness.kstatus import disagreements_of_a_session
from harness.licenses import Signer
from harness.running import ROOT, Operator
from harness.secrecy import leaks_of_a_session
from harness.witness import Witness
from localworld.ports import free_port
from localworld.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A control plane with the operator's manifests applied, registries with the samples, a node that pulls."""
    folder = tmp_path_factory.mktemp("world")
    with World.start(folder, audit=True, licenses=[LICENSE_ID]) as started:
        started.registries.add_alias("images.vendor.invalid", "proxy.replicated.com")
        started.registries.add_alias("images.license.invalid", "proxy.replicated.com")
        started.registries.add_alias("registry.vendor.invalid", "registry.replicated.com")
        for host in (DOWN, TALKATIVE):
            started.registries.add_endpoint(host, f"http://127.0.0.1:{free_port()}")
        started.push_image(PRIVATE, proxied_for=SLUG)
        started.push_image(PUBLIC)
        started.push_image(VENDOR)
        # An API server that knows no CEL rules takes the definition without them, when kubectl does not insist.
        unchecked = ["--validate=false"] if started.programs.minor < CEL_MINOR else []
        started.kubectl("apply", "-k", str(ROOT / "deploy"), *unchecked)
        # What a release brings is applied as by an administrator who lends it; test_escalation.py asks for less.
        started.kubectl("apply", "-f", str(ROOT / "deploy/components/lend-edit/clusterrolebinding.yaml"))
        started.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def witness(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    """Has seen every KotsApp, workload and event of the session, as it was at any time."""
    with Witness(world, tmp_path_factory.mktemp("witness")) as witness:
        yield witness


@pytest.fixture(scope="session")
def shared_operator(
    world: World, signer: Signer, witness: Witness, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    operator = ForkedOperator(world, tmp_path_factory.mktemp("operator"), signer.folder, "--lend", "edit")
    yield operator
    metrics = ""
    if operator.running:
        metrics = operator.metrics()
        operator.stop()
    leaks = leaks_of_a_session(signer.issued, operator.all_logs(), metrics, witness)
    assert (leaks, disagreements_of_a_session(witness)) == ({}, [])


@pytest.fixture(scope="module")
def left_with_no_app(world: World) -> Iterator[None]:
    """Whatever apps a file's tests made go with it: each operator that starts would look at all of them anew."""
    yield
    remove_apps(world)


@pytest.fixture
def operator(shared_operator: Operator, left_with_no_app: None) -> Operator:
    """The running operator; a test that ends it leaves it to the next one to start it again."""
    if not shared_operator.running:
        shared_operator.start()
    return shared_operator


@pytest.fixture
def new_tenant(world: World, signer: Signer, operator: Operator) -> Iterator[Callable[..., Tenant]]:
    """Makes tenants, whose apps go with the test; parameters are fields of the license's spec."""
    made: list[Tenant] = []

    def make(**license: Any) -> Tenant:
        made.append(Tenant.make(world, signer, **license))
        return made[-1]

    yield make
    for tenant in made:
        tenant.remove_apps()


@pytest.fixture
def tenant(new_tenant: Callable[..., Tenant]) -> Tenant:
    """A fresh namespace with a valid license in it."""
    return new_tenant()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path
