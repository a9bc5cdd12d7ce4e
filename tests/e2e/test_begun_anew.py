"""What an operator can't go on from: an API server that was put back, a definition that went. It begins anew."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.apps import LICENSE_ID, Tenant, config_map
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import ROOT, Operator
from harness.waiting import stays, until
from localworld.world import World


@pytest.fixture(scope="module")
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of its own: what happens to it would happen to the other tests' apps, too."""
    folder = tmp_path_factory.mktemp("put-back")
    with World.start(folder, node=False, licenses=[LICENSE_ID]) as started:
        apply_definition(started)
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_operator(own_world: World, signer: Signer, tmp_path: Path) -> Iterator[Operator]:
    operator = ForkedOperator(own_world, tmp_path, signer.folder).start()
    yield operator
    if operator.running:
        operator.kill()


def apply_definition(world: World) -> None:
    world.kubectl("apply", "-k", str(ROOT / "deploy"))
    world.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")


def back_up(world: World, target: Path) -> None:
    """What etcd holds, copied while it is down."""
    world.etcd.kill()
    shutil.copytree(world.folder / "etcd", target)
    world.etcd.start()
    world.etcd.wait_ready()


def restore(world: World, backup: Path) -> None:
    """As for a cluster: everything that serves is stopped, etcd is put back, everything is started again."""
    world.controller_manager.kill()
    world.apiserver.kill()
    world.etcd.kill()
    shutil.rmtree(world.folder / "etcd")
    shutil.copytree(backup, world.folder / "etcd")
    world.etcd.start()
    world.etcd.wait_ready()
    world.apiserver.start()
    world.apiserver.wait_ready(world.api)
    world.restart_controller_manager()


def test_after_a_restore_from_a_backup_changes_are_seen_and_ghosts_are_none(
    own_world: World, own_operator: Operator, signer: Signer, tmp_path: Path
) -> None:
    tenant = Tenant.make(own_world, signer)
    tenant.put_app("app", [config_map("settings", of="first")])
    tenant.wait_ready("app")
    back_up(own_world, tmp_path / "backup")
    tenant.put_app("app", [config_map("settings", of="second")])
    tenant.put_app("later", [config_map("of-later")])
    tenant.wait_ready("app")
    tenant.wait_ready("later")
    for number in range(300):
        tenant.put_config_map("busy", {"number": str(number)})
    at = len(own_operator.said())

    restore(own_world, tmp_path / "backup")

    own_operator.wait_watching(at)
    assert "the API server was put back to an earlier state" in own_operator.said(at)
    until(lambda: tenant.get("configmaps", "settings").get("data") == {"of": "first"}, "what was restored is as it was")
    tenant.put_app("app", [config_map("settings", of="third")])
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "settings")["data"] == {"of": "third"}
    tenant.kubectl("delete", "configmap", "settings")
    until(lambda: tenant.get("configmaps", "settings"), "drift is seen")
    stays(lambda: not tenant.get("configmaps", "of-later"), "an app that is no more makes nothing", 2.0)
    assert own_operator.asked("/readyz") == (200, "ok\n")
    assert own_operator.stop() == 0


def test_without_its_definition_it_waits_and_goes_on_when_that_is_back(
    own_world: World, own_operator: Operator, signer: Signer
) -> None:
    tenant = Tenant.make(own_world, signer)
    tenant.put_app("app", [config_map("settings")])
    tenant.wait_ready("app")
    at = len(own_operator.said())

    own_world.kubectl("delete", "crd", "kotsapps.kotsapp.dev")
    until(lambda: "not installed; waiting for it" in own_operator.said(at), "it waits for the definition")
    status, reason = own_operator.asked("/readyz")
    assert (status, "CustomResourceDefinition was deleted" in reason) == (503, True)
    assert not tenant.get("configmaps", "settings"), "the apps were deleted with their kind"

    apply_definition(own_world)
    own_operator.wait_watching(at)
    tenant.put_app("app", [config_map("settings")])
    tenant.wait_ready("app")
    assert own_operator.stop() == 0


def test_it_ends_when_told_to_while_it_waits_for_its_definition(own_world: World, own_operator: Operator) -> None:
    at = len(own_operator.said())
    own_world.kubectl("delete", "crd", "kotsapps.kotsapp.dev")
    until(lambda: "not installed; waiting for it" in own_operator.said(at), "it waits for the definition")

    own_operator.stop()

    assert not own_operator.running
    apply_definition(own_world)
