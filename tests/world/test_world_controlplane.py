"""The control plane of a local world is a real one, of the version that was asked for."""

from __future__ import annotations

import json
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from harness.waiting import until
from localworld.process import ProcessError

if TYPE_CHECKING:
    from localworld.world import World


def test_it_serves_the_version_that_its_program_tells(audited_world: World) -> None:
    served = json.loads(audited_world.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]

    assert served == audited_world.version
    assert "master" not in served


def test_health_is_all_that_anonymous_users_see(audited_world: World) -> None:
    context = ssl.create_default_context(cafile=str(audited_world.ca))
    with httpx.Client(base_url=audited_world.server, verify=context, trust_env=False) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/api/v1/namespaces").status_code in (401, 403)


def test_a_service_account_has_its_own_rights_and_no_more(audited_world: World) -> None:
    audited_world.create_namespace("rights")
    config = audited_world.kubeconfig_for_service_account("rights", "default")

    with pytest.raises(ProcessError, match=r'User "system:serviceaccount:rights:default" cannot list resource'):
        audited_world.kubectl("--kubeconfig", str(config), "get", "secrets")


def test_a_user_has_the_groups_of_the_certificate(audited_world: World) -> None:
    config = str(audited_world.kubeconfig_for_user("jane", ["dev", "ops"]))
    with pytest.raises(ProcessError, match=r'User "jane" cannot list resource'):
        audited_world.kubectl("--kubeconfig", config, "get", "pods")

    audited_world.kubectl("create", "rolebinding", "ops-view", "--clusterrole=view", "--group=ops")

    # The authorizer learns of a binding a moment later.
    asked = ("--kubeconfig", config, "auth", "can-i", "list", "pods")
    until(lambda: "yes" in audited_world.kubectl(*asked, check=False), "the binding gives jane a right", 10)


def test_the_audit_log_has_every_write_with_its_user(audited_world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "audited"}, "data": {"a": "b"}}
    audited_world.api.create("/api/v1/namespaces/default/configmaps", body)

    assert audited_world.audit_log is not None
    lines = [json.loads(line) for line in audited_world.audit_log.read_text().splitlines()]
    writes = [line for line in lines if line["verb"] == "create" and line.get("objectRef", {}).get("name") == "audited"]
    assert [line["user"]["username"] for line in writes] == ["localworld-admin"]


def test_what_kubectl_knows_of_a_world_goes_with_it(audited_world: World) -> None:
    """Kept by the address alone, as in the home folder, it would be taken for true of the next world at the port."""
    audited_world.kubectl("get", "pods")
    kept = (
        audited_world.folder / "kubectl-cache" / "discovery" / audited_world.server.partition("//")[2].replace(":", "_")
    )
    assert kept.is_dir()


def test_kubectl_failures_tell_what_kubectl_said(audited_world: World) -> None:
    with pytest.raises(ProcessError, match=r'configmaps "absent" not found'):
        audited_world.kubectl("get", "configmap", "absent")


def test_helm_is_there_and_talks_to_it(audited_world: World) -> None:
    reported = subprocess.run(
        [str(audited_world.programs.helm), "list", "-A", "--kubeconfig", str(audited_world.kubeconfig), "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(reported.stdout) == []
