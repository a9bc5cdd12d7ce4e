"""The conditions' rules over whole lives: every status that was ever written is checked, and so is what tools read."""

import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from harness import lua
from harness.apps import PRIVATE, SLUG, Tenant, config_map, deployment
from harness.conditions_rules import violations
from harness.kstatus import Kstatus
from harness.life import NAME, Life
from harness.recording import Recording, recording
from harness.running import Operator
from harness.waiting import stays, until

HEALTH = Path(__file__).parents[2] / "deploy/argocd/resource_customizations/kotsapp.dev/KotsApp/health.lua"


def assert_rules_kept(recorded: Recording) -> None:
    reported = recorded.statuses(NAME)
    broken = violations([status for status, _, _ in reported], [generation for _, generation, _ in reported])
    assert not broken, "\n".join([*broken, *(json.dumps(status.get("conditions")) for status, _, _ in reported)])


def ready_of(status: Any) -> Any:
    return next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})


def test_every_status_of_a_whole_life_keeps_the_rules_and_tools_read_each(
    tenant: Tenant, scratch: Path, kstatus: Kstatus
) -> None:
    life = Life(tenant)
    with recording(tenant, scratch) as recorded:
        life.put()
        life.ready()
        for step in life.steps:
            step()
        life.deleted()
        reported = recorded.statuses(NAME)

        assert_rules_kept(recorded)
    reasons = {ready_of(status).get("reason") for status, _, _ in reported}
    assert reasons >= {
        "ImagesUndecided",
        "InvalidManifest",
        "ObjectRefused",
        "WorkloadsUnhealthy",
        "LicenseExpired",
        "LicenseNotFound",
        "ReconciliationSucceeded",
        "Progressing",
    }
    assert {computed.status for computed in kstatus.of([obj for _, _, obj in reported])} >= {
        "Current",
        "InProgress",
        "Failed",
        "Terminating",
    }
    assert kstatus.disagreements([obj for _, _, obj in reported]) == []
    for status, generation, obj in reported:
        health, message = lua.health(HEALTH, obj)
        ready = ready_of(status)
        settled = status.get("observedGeneration") == generation
        if obj["spec"].get("suspend"):
            assert health == "Suspended"
        elif ready.get("status") == "True" and settled:
            assert (health, message) == ("Healthy", ready["message"])
        elif not settled or ready.get("status") == "Unknown":
            assert health == "Progressing"
        else:
            assert health == "Degraded" if ready["reason"] != "ImagesUndecided" else "Progressing"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_rules_hold_when_things_happen_on_top_of_each_other(tenant: Tenant, scratch: Path, seed: int) -> None:
    rng = random.Random(seed)
    life = Life(tenant)
    with recording(tenant, scratch) as recorded:
        life.put()
        if rng.random() < 0.5:
            life.ready()

        def disturb() -> None:
            other = random.Random(-seed)
            for _ in range(6):
                at_random(other, tenant)

        # Two hands at once, so that inputs change in the middle of a reconciliation, too.
        disturber = threading.Thread(target=disturb)
        disturber.start()
        for _ in range(10):
            at_random(rng, tenant, life)
        disturber.join()
        tenant.put_license()
        life.put(suspend=None)
        life.ready()
        life.deleted()

        assert_rules_kept(recorded)


def at_random(rng: random.Random, tenant: Tenant, life: Life | None = None) -> None:
    """Something that happens without waiting for what comes of it."""
    choices: list[Any] = [
        lambda: tenant.put_license(expires_at="2020-01-01T00:00:00Z"),
        tenant.put_license,
        lambda: tenant.kubectl("delete", "configmap", "settings", check=False),
        lambda: tenant.kubectl("scale", "deployment", "example", "--replicas=2", check=False),
        lambda: tenant.kubectl("annotate", "--overwrite", "kotsapp", NAME, f"kotsapp.dev/requestedAt={rng.random()}"),
    ]
    if life is not None:
        choices += [
            life.put,
            lambda: life.put("kind: ["),
            lambda: life.put(suspend=True),
            lambda: life.put(suspend=None),
            lambda: life.put([deployment("example", PRIVATE, replicas=2)]),
        ]
    rng.choice(choices)()


def test_the_same_app_applied_by_another_manager_changes_and_restarts_nothing(tenant: Tenant) -> None:
    objects = [deployment("example"), config_map("settings", a="b")]
    tenant.put_app("app", objects)
    tenant.wait_ready("app")

    def state() -> list[Any]:
        pods = sorted(pod["metadata"]["uid"] for pod in tenant.all("pods"))
        versions = [tenant.get(p, n)["metadata"]["resourceVersion"] for p, n in kept]
        return [tenant.app("app")["metadata"]["generation"], tenant.status("app"), pods, versions]

    kept = [("deployments", "example"), ("configmaps", "settings"), ("secrets", "my-kots-app-registry")]
    before = state()
    live = tenant.app("app")
    manifest = {k: live[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": {"name": "app"}}
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", "-")
    tenant.kubectl(*apply, stdin=json.dumps(manifest))
    tenant.kubectl(*apply, stdin=json.dumps(manifest))

    stays(lambda: state() == before, "nothing changes", 1.0)
    assert {"argocd-controller"} <= {m["manager"] for m in tenant.app("app")["metadata"]["managedFields"]}


@pytest.mark.parametrize(
    ("annotation", "answer"),
    [
        ("reconcile.fluxcd.io/requestedAt", "lastHandledReconcileAt"),
        ("kotsapp.dev/requestedAt", "lastHandledRequestedAt"),
    ],
)
def test_a_fresh_probe_is_made_once_for_each_request(tenant: Tenant, annotation: str, answer: str) -> None:
    repository = f"my-org/asked-{answer.lower()}"
    tenant.world.push_image(f"quay.io/{repository}:v1", proxied_for=SLUG)
    tenant.put_app("app", [deployment("example", f"quay.io/{repository}:v1")])
    tenant.wait_ready("app")
    registry = tenant.world.registries["quay.io"]

    def asked() -> int:
        return sum(f"/{repository}/" in access.path and access.method == "HEAD" for access in registry.requests())

    def request(value: str) -> None:
        tenant.kubectl("annotate", "--overwrite", "kotsapp", "app", f"{annotation}={value}")
        until(lambda: tenant.status("app").get(answer) == value, "the request is answered")

    before, pods = asked(), {pod["metadata"]["uid"] for pod in tenant.all("pods")}
    request("2026-01-02T00:00:00Z")
    once = asked()
    # An earlier date is another value, and so another request.
    request("2026-01-01T00:00:00Z")
    twice = asked()
    tenant.kubectl("annotate", "--overwrite", "kotsapp", "app", "example.invalid/note=anything")

    assert once > before
    assert twice - once == once - before
    stays(lambda: asked() == twice, "nothing is asked without a request", 0.5)
    assert {pod["metadata"]["uid"] for pod in tenant.all("pods")} == pods
    tenant.wait_ready("app")


def test_a_suspended_app_is_left_alone_and_taken_up_again(tenant: Tenant, operator: Operator) -> None:
    tenant.put_app("app", [deployment("example"), config_map("settings", a="b")])
    tenant.wait_ready("app")
    tenant.put_app("app", [deployment("example"), config_map("settings", a="c")], suspend=True)
    operator.wait_reconciled(tenant.namespace, "app", 2)
    tenant.kubectl("delete", "deployment", "example")
    tenant.put_license(expires_at="2020-01-01T00:00:00Z")

    def untouched() -> bool:
        settings = tenant.get("configmaps", "settings")
        return not tenant.get("deployments", "example") and settings["data"] == {"a": "b"}

    stays(untouched, "nothing is applied or repaired", 1.0)
    assert tenant.condition("app")["observedGeneration"] == 1

    tenant.put_license()
    tenant.put_app("app", [deployment("example"), config_map("settings", a="c")])
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "settings")["data"] == {"a": "c"}


def test_kubectl_wait_waits_for_the_generation_that_was_applied(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example")])
    tenant.kubectl("wait", "--for=condition=Ready", "kotsapp/app", "--timeout=30s")
    assert tenant.get("deployments", "example")["status"]["readyReplicas"] == 1

    tenant.put_app("app", "kind: [")
    tenant.kubectl("wait", "--for=condition=Stalled", "kotsapp/app", "--timeout=30s")
    tenant.kubectl("wait", "--for=jsonpath={.status.observedGeneration}=2", "kotsapp/app", "--timeout=30s")
    assert tenant.kubectl("get", "kotsapp", "app", "--no-headers").split()[1:3] == ["False", "InvalidManifest"]


def test_who_asks_is_answered_even_where_nothing_can_be_probed(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings")], license={"secretRef": {"name": "nowhere"}})
    tenant.wait_reason("app", "LicenseNotFound")

    tenant.kubectl("annotate", "kotsapp", "app", "reconcile.fluxcd.io/requestedAt=1")

    until(lambda: tenant.status("app").get("lastHandledReconcileAt") == "1", "it is answered")
