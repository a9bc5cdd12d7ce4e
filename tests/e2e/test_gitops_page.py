"""The repository of docs/gitops.md, commit after commit, by the tools that every GitOps controller is made of.

What Argo CD and Flux do is done by kubectl: build with kustomize, apply on the server's side, prune. What they wait for
is read by kstatus itself.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from harness.apps import PRIVATE, Object, Tenant, config_map, deployment
from harness.gitops_page import APP, NAMESPACE, changed, commit, repository
from harness.kstatus import Computed, Kstatus
from harness.licenses import Signer
from harness.running import Operator
from harness.waiting import until
from localworld.world import World

BROKEN = "kind: ["
_SHOWN = ("Ready", "Reconciling", "Stalled", "Suspended")


def release(*objects: Object) -> str:
    return yaml.safe_dump_all(objects)


@dataclass(frozen=True, slots=True)
class Synced:
    """The page's repository and the cluster that it is applied to."""

    folder: Path
    tenant: Tenant
    kstatus: Kstatus

    def apply(self) -> None:
        manager = "--field-manager=kustomize-controller"
        self.tenant.world.kubectl("apply", "--server-side", "--force-conflicts", manager, "-k", str(self.folder))

    def seen(self) -> Computed:
        (computed,) = self.kstatus.of([self.tenant.app(APP)])
        return computed

    def computed(self) -> Computed:
        """What a tool that waits is told first: it waits for as long as the app is in progress.

        Printed beside the app's own conditions, for `make gitops` to show.
        """
        computed = until(lambda: c if (c := self.seen()).status != "InProgress" else None, f"{APP} is settled", 60)
        own = self.tenant.status(APP)["conditions"]
        flags = " ".join(f"{c['type']}={c['status']}" for c in own if c["type"] in _SHOWN)
        print(f"kstatus {computed.status:8} | {flags} | {self.tenant.condition(APP)['message']}")
        return computed

    def pods(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.tenant.all("pods")}


@pytest.fixture
def synced(world: World, signer: Signer, operator: Operator, kstatus: Kstatus, tmp_path: Path) -> Iterator[Synced]:
    # The page's own name, so that the tests share it, one after the other.
    world.kubectl("create", "namespace", NAMESPACE, check=False)
    world.wait_for_service_account(NAMESPACE, "default")
    first = release(deployment("web", PRIVATE), config_map("settings", version="1"))
    tenant = Tenant(world, signer, NAMESPACE)
    synced = Synced(repository(tmp_path, signer.sign(), first), tenant, kstatus)
    yield synced
    tenant.kubectl("delete", "kotsapps,configmaps,secrets", "--all", "--timeout=60s")


def test_each_commit_of_the_page_is_waited_for_until_what_came_of_it(synced: Synced) -> None:
    tenant = synced.tenant
    synced.apply()
    assert synced.computed().status == "Current"
    assert tenant.get("configmaps", "settings")["data"] == {"version": "1"}
    pods = synced.pods()

    # Right after each apply: with the names of the component, no tool is ever told of the commit before.
    commit(synced.folder, BROKEN)
    synced.apply()
    bad = synced.computed()
    assert bad.status == "Failed"
    assert "app.yaml" in bad.message
    assert synced.pods() == pods, "what ran runs on"

    commit(synced.folder, release(deployment("web", PRIVATE), config_map("other", version="3")))
    synced.apply()
    assert synced.computed().status == "Current"
    assert tenant.get("configmaps", "other")["data"] == {"version": "3"}
    assert not tenant.get("configmaps", "settings"), "what left the manifests is pruned"
    assert synced.pods() == pods

    commit(synced.folder, release(config_map("other", version="4")))
    synced.apply()
    tenant.kubectl("wait", "--for=condition=Ready", f"kotsapp/{APP}", "--timeout=60s")
    assert tenant.get("configmaps", "other")["data"] == {"version": "4"}
    assert not tenant.get("deployments", "web")


def test_a_suspended_app_holds_no_sync_up_whether_it_was_ready_or_not(synced: Synced) -> None:
    synced.apply()
    assert synced.computed().status == "Current"

    changed(synced.folder, suspend=True)
    synced.apply()
    assert synced.computed().status == "Current"
    assert synced.tenant.condition(APP, "Suspended")["status"] == "True"

    changed(synced.folder, suspend=False)
    commit(synced.folder, BROKEN)
    synced.apply()
    assert synced.computed().status == "Failed"
    changed(synced.folder, suspend=True)
    synced.apply()
    assert synced.computed().status == "Failed"

    changed(synced.folder, suspend=False)
    commit(synced.folder, release(config_map("settings", version="2")))
    synced.apply()
    assert synced.computed().status == "Current"
    assert synced.tenant.get("configmaps", "settings")["data"] == {"version": "2"}


def test_all_of_it_leaves_git_at_once(synced: Synced) -> None:
    """Deleting needs neither the license nor the manifests, so the order does not matter."""
    synced.apply()
    assert synced.computed().status == "Current"

    synced.tenant.world.kubectl("delete", "-k", str(synced.folder), "--timeout=60s")

    gone: list[Callable[[], Object]] = [
        lambda: synced.tenant.app(APP),
        lambda: synced.tenant.get("deployments", "web"),
        lambda: synced.tenant.get("configmaps", "settings"),
    ]
    until(lambda: not any(one() for one in gone), f"nothing is left: {json.dumps([one() for one in gone])[:500]}")
