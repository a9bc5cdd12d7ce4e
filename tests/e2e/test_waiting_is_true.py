"""Whoever waits for Ready after a change of inputs waits for what came of that change."""

import json

from harness.apps import PUBLIC, SLUG, Tenant, config_map, deployment
from harness.waiting import until
from localworld.world import World


def test_a_changed_source_is_told_before_any_registry_has_answered(world: World, tenant: Tenant) -> None:
    tenant.put_config_map("app", {"app.yaml": as_yaml(config_map("settings", a="1"))})
    tenant.put_app_spec("shop", spec())
    tenant.wait_ready("shop")
    first = tenant.status("shop")["sources"]

    # Nothing answers for this image, so that a verdict never comes.
    silent = deployment("web", "silent.waiting.invalid/team/app:v1")
    tenant.put_config_map("app", {"app.yaml": as_yaml(config_map("settings", a="2"), silent)})

    reported = until(
        lambda: c if (c := tenant.condition("shop"))["status"] != "True" else None, "Ready holds no longer", 5
    )
    assert reported["reason"] in ("Progressing", "ImagesUndecided")
    reconciling = [c for c in tenant.status("shop")["conditions"] if c["type"] == "Reconciling"]
    assert reconciling, "kstatus calls it in progress"
    until(lambda: tenant.status("shop")["sources"] != first, "the new source is known")

    tenant.put_config_map("app", {"app.yaml": as_yaml(config_map("settings", a="2"), deployment("web", PUBLIC))})
    tenant.kubectl("wait", "--for=condition=Ready", "kotsapp/shop", "--timeout=60s")


def spec() -> dict[str, object]:
    return {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"configMapRef": {"name": "app"}}]}


def as_yaml(*objects: object) -> str:
    return "\n---\n".join(json.dumps(obj) for obj in objects)


def test_an_image_that_the_proxy_refuses_is_what_ready_says_at_once(world: World, tenant: Tenant) -> None:
    """Pods would say the same minutes later, as an echo of the kubelet's."""
    world.push_image("quay.io/my-org/unlicensed:v1")
    tenant.put_app("app", [deployment("web", "quay.io/my-org/unlicensed:v1")])

    reported = tenant.wait_reason("app", "ImagesNotPullable", 10)

    assert reported["status"] == "False"
    assert "quay.io/my-org/unlicensed:v1" in reported["message"]
    assert "Deployment/web" in reported["message"]
    assert "ask the vendor for access" in reported["message"]
    until(lambda: any("ImagesNotPullable" in line for line in tenant.events()), "it is an event, too")
    assert not [line for line in tenant.events() if "WorkloadsUnhealthy" in line]

    world.push_image("quay.io/my-org/unlicensed:v1", proxied_for=SLUG)
    tenant.kubectl("annotate", "kotsapp/app", "kotsapp.dev/requestedAt=now")
    tenant.wait_ready("app", 60)
