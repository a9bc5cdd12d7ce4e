"""A license's life: it changes, names other domains, goes to another application, expires; the Secret follows."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.apps import LICENSE_ID, PRIVATE, PROXIED, PUBLIC, SLUG, VENDOR, Object, Tenant, config_map, deployment
from harness.recording import recording
from harness.running import Operator
from harness.waiting import stays, until
from localworld.world import World

SECRET = "my-kots-app-registry"
SECONDS = 5.0  # what "within seconds" means here
OTHER_SLUG, OTHER_ID = "other-app", "other-license-id"
BY_LICENSE, BY_VENDOR, VENDOR_REGISTRY = "images.license.invalid", "images.vendor.invalid", "registry.vendor.invalid"


def from_now(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def auths(secret: Object) -> dict[str, str]:
    """The license id that each host of a pull secret gets."""
    if not secret:
        return {}
    hosts = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
    return {host: base64.b64decode(entry["auth"]).decode().removeprefix("LICENSE_ID:") for host, entry in hosts.items()}


def image_of(live: Object) -> str:
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"]) if live else ""


def runs(tenant: Tenant, image: str) -> bool:
    """Whether a pod with this image was pulled by the node, with the pod's own secrets, and runs."""
    pods = [pod for pod in tenant.all("pods") if pod["spec"]["containers"][0]["image"] == image]
    return any(pod.get("status", {}).get("phase") == "Running" for pod in pods)


def events_of(tenant: Tenant, reason: str) -> list[Object]:
    return [event for event in tenant.all("events") if event["reason"] == reason]


# -- expiry


def test_with_an_expired_license_nothing_rolls_out(new_tenant: Callable[..., Tenant]) -> None:
    tenant = new_tenant(expires_at="2026-01-31T12:00:00Z")
    tenant.put_app("app", [deployment("one"), config_map("two", a="b")])

    ready = tenant.wait_reason("app", "LicenseExpired")

    assert "Secret my-license, key license.yaml: the license expired on 2026-01-31 12:00 UTC" in ready["message"]
    assert tenant.condition("app", "Stalled")["reason"] == "LicenseExpired"
    assert tenant.condition("app", "LicenseValid")["status"] == "False"
    assert tenant.status("app")["license"]["expiresAt"] == "2026-01-31T12:00:00Z"
    assert not tenant.all("deployments")
    assert not tenant.get("secrets", SECRET)


def test_a_license_that_expires_is_noticed_without_an_event_and_what_runs_is_left_alone(tenant: Tenant) -> None:
    tenant.put_config_map("manifests", {"a.yaml": json.dumps(deployment("one"))})
    source = [{"configMapRef": {"name": "manifests"}}]
    tenant.put_app_spec("app", {"license": {"secretRef": {"name": "my-license"}}, "manifests": source})
    tenant.wait_ready("app")
    ends = from_now(seconds=8)
    tenant.put_license(expires_at=ends)
    until(lambda: tenant.status("app")["license"].get("expiresAt") == ends, "the new document is in use")
    assert tenant.condition("app")["status"] == "True"
    before = tenant.get("deployments", "one")

    tenant.wait_reason("app", "LicenseExpired", 30)

    assert datetime.now(UTC) >= datetime.fromisoformat(ends)
    both = "\n---\n".join(json.dumps(obj) for obj in (deployment("one", replicas=2), deployment("two")))
    tenant.put_config_map("manifests", {"a.yaml": both})
    stays(
        lambda: not tenant.get("deployments", "two") and tenant.condition("app")["reason"] == "LicenseExpired",
        "nothing new rolls out",
        1.0,
    )
    assert tenant.get("deployments", "one")["metadata"]["generation"] == before["metadata"]["generation"]
    assert runs(tenant, PROXIED)
    assert tenant.get("secrets", SECRET)

    tenant.put_license(expires_at=from_now(days=365))

    tenant.wait_ready("app")
    assert tenant.get("deployments", "two")
    assert "LicenseExpired" in tenant.events()


def test_a_license_that_ends_soon_is_told_once_for_each_date(
    new_tenant: Callable[..., Tenant], operator: Operator
) -> None:
    ends = from_now(days=3)
    tenant = new_tenant(expires_at=ends)
    tenant.put_app("app", [config_map("one", a="1")])
    tenant.wait_ready("app")
    assert tenant.condition("app", "LicenseValid")["reason"] == "LicenseExpiringSoon"
    until(lambda: events_of(tenant, "LicenseExpiringSoon"), "it is told")
    operator.stop()
    operator.start()

    tenant.put_app("app", [config_map("one", a="2")])
    until(lambda: tenant.get("configmaps", "one")["data"] == {"a": "2"}, "the change is applied")
    tenant.wait_ready("app")

    warnings = events_of(tenant, "LicenseExpiringSoon")
    assert [(event["type"], event["count"]) for event in warnings] == [("Warning", 1)]
    assert datetime.fromisoformat(ends).strftime("%Y-%m-%d") in warnings[0]["message"]

    tenant.put_license(expires_at=from_now(days=5))
    until(lambda: len(events_of(tenant, "LicenseExpiringSoon")) == 2, "another date is told again")


# -- a new document


def test_upgrades_and_downgrades_are_told_apart(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("one", a="1")])
    tenant.wait_ready("app")

    tenant.put_license(licenseSequence=5, channelName="Beta")
    until(lambda: tenant.status("app")["license"]["licenseSequence"] == 5, "the upgrade is in use", SECONDS)
    tenant.put_license(licenseSequence=4)
    until(lambda: tenant.status("app")["license"]["licenseSequence"] == 4, "the downgrade is in use", SECONDS)

    until(lambda: "LicenseDowngraded" in tenant.events(), "the downgrade is told")
    changes = {e["reason"]: e for e in tenant.all("events") if e["reason"].startswith("License")}
    assert set(changes) == {"LicenseUpgraded", "LicenseDowngraded"}
    assert "licenseSequence 3 -> 5" in changes["LicenseUpgraded"]["message"]
    assert "channelName Stable -> Beta" in changes["LicenseUpgraded"]["message"]
    assert changes["LicenseUpgraded"]["type"] == "Normal"
    assert changes["LicenseDowngraded"]["type"] == "Warning"


def test_a_rotated_license_id_reaches_the_secret_and_the_next_pod_runs_with_it(
    world: World, new_tenant: Callable[..., Tenant]
) -> None:
    world.allow_license("rotation-1")
    world.allow_license("rotation-2")
    tenant = new_tenant(licenseID="rotation-1")
    tenant.put_app("app", [deployment("one")])
    tenant.wait_ready("app")
    generation = tenant.get("deployments", "one")["metadata"]["generation"]

    tenant.put_license(licenseID="rotation-2")

    until(lambda: set(auths(tenant.get("secrets", SECRET)).values()) == {"rotation-2"}, "the secret follows", SECONDS)
    world.deny_license("rotation-1")
    old = {pod["metadata"]["uid"] for pod in tenant.all("pods")}
    tenant.kubectl("delete", "pods", "--all", "--wait=false")
    until(lambda: not old & {pod["metadata"]["uid"] for pod in tenant.all("pods")}, "the old pod is gone")
    until(lambda: runs(tenant, PROXIED), "the next one is pulled")
    assert tenant.get("deployments", "one")["metadata"]["generation"] == generation


@pytest.mark.parametrize("fixed_name", [None, "pulls"])
def test_another_applications_license_re_routes_everything_in_one_consistent_step(
    world: World, new_tenant: Callable[..., Tenant], tmp_path: Path, fixed_name: str | None
) -> None:
    """Never a moment with a workload on the new path and the old secret: every state that was ever seen is checked."""
    world.allow_license("consistent-1", [SLUG])
    world.allow_license("consistent-2", [OTHER_SLUG])
    world.push_image(PRIVATE, proxied_for=OTHER_SLUG)
    tenant = new_tenant(licenseID="consistent-1")
    spec: dict[str, Any] = {"pullSecret": {"name": fixed_name}} if fixed_name else {}
    names = ("one", "two", "three")
    tenant.put_app("app", [deployment(name) for name in names], **spec)
    tenant.wait_ready("app")
    with recording(tenant, tmp_path, "deployments") as workloads, recording(tenant, tmp_path, "secrets") as secrets:
        versions = {s["metadata"]["name"]: [(0, s)] for s in tenant.all("secrets")}

        tenant.put_license(licenseID="consistent-2", appSlug=OTHER_SLUG)
        new_path = PROXIED.replace(SLUG, OTHER_SLUG)
        until(lambda: {image_of(live) for live in tenant.all("deployments")} == {new_path}, "all are re-routed")
        tenant.wait_ready("app")

        states = [state for name in names for state in workloads.states(name)]
        assert secrets.states(fixed_name or f"{OTHER_SLUG}-registry")  # seen up to now, as the workloads are
        for kind, secret in secrets.events():
            seen = versions.setdefault(secret["metadata"]["name"], [])
            seen.append((int(secret["metadata"]["resourceVersion"]), {} if kind == "DELETED" else secret))
    routed = [state for state in states if image_of(state) == new_path]
    assert {state["metadata"]["name"] for state in routed} == set(names)
    for state in routed:
        (ref,) = state["spec"]["template"]["spec"]["imagePullSecrets"]
        assert ref["name"] == (fixed_name or f"{OTHER_SLUG}-registry")
        at = int(state["metadata"]["resourceVersion"])
        then = [secret for version, secret in versions[ref["name"]] if version < at]
        assert set(auths(then[-1]).values()) == {"consistent-2"}
    if not fixed_name:
        until(lambda: not tenant.get("secrets", SECRET), "the old application's secret is gone")
    until(lambda: "LicenseChanged" in tenant.events(), "the change is told")


# -- the pull secret


def test_a_pull_secret_that_is_deleted_or_edited_is_repaired_within_seconds(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("one")])
    tenant.wait_ready("app")
    path, good = tenant.path("secrets", SECRET), tenant.get("secrets", SECRET)

    tenant.world.api.delete(path)
    until(lambda: tenant.get("secrets", SECRET).get("data") == good["data"], "it is made again", SECONDS)

    forged = base64.b64encode(b'{"auths":{}}').decode()
    tenant.world.api.merge(path, {"data": {".dockerconfigjson": forged}})
    until(lambda: tenant.get("secrets", SECRET)["data"] == good["data"], "its content is put right", SECONDS)

    tenant.world.api.merge(path, {"metadata": {"labels": {"kotsapp.dev/name": None, "kotsapp.dev/namespace": None}}})
    labels = good["metadata"]["labels"]
    until(lambda: tenant.get("secrets", SECRET)["metadata"].get("labels") == labels, "its labels are back", SECONDS)


@pytest.mark.parametrize("type_", ["Opaque", "kubernetes.io/dockerconfigjson"])
def test_somebody_elses_secret_of_that_name_is_named_and_left_alone_until_it_goes(tenant: Tenant, type_: str) -> None:
    content = base64.b64encode(b'{"auths":{}}').decode()
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "type": type_}
    theirs["data"] = {".dockerconfigjson": content}
    tenant.world.api.create(tenant.path("secrets"), theirs)
    tenant.put_app("app", [deployment("one")])

    ready = tenant.wait_reason("app", "PullSecretClash")

    assert f"Secret {tenant.namespace}/{SECRET} of type {type_}" in ready["message"]
    assert "spec.pullSecret.name" in ready["message"]
    assert tenant.condition("app", "PullSecretReady")["status"] == "False"
    assert tenant.get("secrets", SECRET)["data"] == theirs["data"]
    assert not tenant.get("deployments", "one")

    tenant.world.api.delete(tenant.path("secrets", SECRET))
    until(lambda: tenant.get("secrets", SECRET), "the pull secret takes its place", SECONDS)
    tenant.wait_ready("app")


def test_the_secret_is_in_every_namespace_that_needs_it_and_goes_when_none_does(tenant: Tenant) -> None:
    here, there = tenant.namespace, f"{tenant.namespace}-later"
    elsewhere = Tenant(tenant.world, tenant.signer, there)
    account = f"--serviceaccount={here}:deployer"
    operator = "--serviceaccount=kotsapp-system:kotsapp-operator"
    tenant.kubectl("create", "serviceaccount", "deployer")
    tenant.kubectl("create", "rolebinding", "deployer", "--clusterrole=edit", account)
    tenant.kubectl("create", "rolebinding", "act", "--clusterrole=kotsapp-operator-impersonate", operator)
    far = deployment("far")
    far["metadata"]["namespace"] = there

    tenant.put_app("app", [deployment("near"), far], serviceAccountName="deployer")

    # All or nothing: the namespace is not there yet.
    assert there in tenant.wait_reason("app", "ObjectRefused")["message"]
    assert not tenant.get("deployments", "near")
    tenant.world.create_namespace(there)
    elsewhere.kubectl("create", "rolebinding", "deployer", "--clusterrole=edit", account)
    tenant.wait_ready("app", 30)
    assert set(auths(elsewhere.get("secrets", SECRET)).values()) == {LICENSE_ID}
    assert auths(tenant.get("secrets", SECRET)) == auths(elsewhere.get("secrets", SECRET))
    assert runs(elsewhere, PROXIED)
    assert "ownerReferences" not in elsewhere.get("secrets", SECRET)["metadata"]

    elsewhere.world.api.delete(elsewhere.path("secrets", SECRET))
    until(lambda: elsewhere.get("secrets", SECRET), "it is repaired there, too", SECONDS)

    far["spec"]["template"]["spec"]["containers"][0]["image"] = PUBLIC
    tenant.put_app("app", [deployment("near"), far], serviceAccountName="deployer")
    until(lambda: not elsewhere.get("secrets", SECRET), "it goes where nothing needs it any more")
    assert tenant.get("secrets", SECRET)
    tenant.put_app("app", [far], serviceAccountName="deployer")
    until(lambda: not tenant.get("secrets", SECRET), "and in the app's own namespace")
    tenant.wait_ready("app")


# -- domains


def test_custom_domains_come_from_the_license_the_application_or_the_spec_the_last_one_winning(
    world: World, new_tenant: Callable[..., Tenant]
) -> None:
    for domain in (BY_LICENSE, BY_VENDOR):
        world.push_image(f"{domain}/proxy/{SLUG}/{PRIVATE}")
    world.push_image(VENDOR)
    tenant = new_tenant(replicatedProxyDomain=BY_LICENSE)
    application = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "Application",
        "metadata": {"name": "app"},
        "spec": {"proxyRegistryDomain": BY_VENDOR, "replicatedRegistryDomain": VENDOR_REGISTRY},
    }
    objects = [deployment("one"), deployment("vendor", VENDOR)]

    def settle(proxy: str, registry: str) -> None:
        tenant.wait_ready("app")
        assert tenant.images("app")[PRIVATE]["pull"] == f"{proxy}/proxy/{SLUG}/{PRIVATE}"
        assert tenant.images("app")[VENDOR]["pull"] == VENDOR.replace("registry.replicated.com", registry)
        assert auths(tenant.get("secrets", SECRET)) == {proxy: LICENSE_ID, registry: LICENSE_ID}
        assert runs(tenant, tenant.images("app")[PRIVATE]["pull"])
        assert runs(tenant, tenant.images("app")[VENDOR]["pull"])

    tenant.put_app("app", objects)
    settle(BY_LICENSE, "registry.replicated.com")
    tenant.put_app("app", [application, *objects])
    settle(BY_VENDOR, VENDOR_REGISTRY)
    defaults = {"domain": "proxy.replicated.com", "registryDomain": "registry.replicated.com"}
    tenant.put_app("app", [application, *objects], proxy=defaults)
    settle("proxy.replicated.com", "registry.replicated.com")


# -- evidence


def test_enforced_verification_holds_everything_back_until_the_license_can_pull(
    world: World, new_tenant: Callable[..., Tenant]
) -> None:
    tenant = new_tenant(licenseID="not-yet-granted")
    tenant.put_app("app", [deployment("one"), config_map("two", a="b")], proxy={"verify": "Enforce"})

    ready = tenant.wait_reason("app", "ImagesNotPullable")

    assert PROXIED in ready["message"]
    assert "refused a token with the license" in ready["message"]
    assert tenant.condition("app", "Reconciling")["status"] == "True"
    assert tenant.images("app")[PRIVATE]["verified"] == "False"
    assert not tenant.get("deployments", "one")
    assert not tenant.get("configmaps", "two")

    world.allow_license("not-yet-granted", [SLUG])
    tenant.wait_ready("app")
    assert tenant.images("app")[PRIVATE]["verified"] == "True"


def test_with_public_images_everything_goes_through_the_proxy_and_nothing_is_probed(
    world: World, tenant: Tenant
) -> None:
    image, hub = "everything:1", world.registries["docker.io"]
    routed = f"proxy.replicated.com/proxy/{SLUG}/{image}"
    world.registries.push(routed)

    tenant.put_app("app", [deployment("one", image)], proxy={"publicImages": True})
    tenant.wait_ready("app")

    assert runs(tenant, routed)
    assert tenant.images("app")[image]["route"] == "Proxy"
    assert not [access for access in hub.requests() if "everything" in access.path]

    # What nobody asked is no evidence later.
    tenant.put_app("app", [deployment("one", image)], proxy={"publicImages": False})
    tenant.wait_ready("app")
    assert [access for access in hub.requests() if "everything" in access.path]


def test_an_image_that_only_the_proxy_has_is_routed_on_that_evidence(world: World, tenant: Tenant) -> None:
    image = "registry.k8s.io/hidden/api:1"
    routed = f"proxy.replicated.com/proxy/{SLUG}/{image}"
    world.registries.push(routed)

    tenant.put_app("app", [deployment("one", image)])
    tenant.wait_ready("app")

    entry = tenant.images("app")[image]
    assert (entry["verdict"], entry["route"], entry["pull"], entry["httpStatus"]) == ("NotFound", "Proxy", routed, 404)
    assert entry["verified"] == "True"
    assert runs(tenant, routed)


def test_an_image_without_evidence_waits_or_goes_where_on_undecided_says(tenant: Tenant) -> None:
    image = "registry.k8s.io/nowhere/api:1"
    routed = f"proxy.replicated.com/proxy/{SLUG}/{image}"
    objects = [deployment("one", image)]

    def put(on_undecided: str) -> None:
        tenant.put_app("app", objects, probe={"onUndecided": on_undecided}, wait=False)

    put("Wait")
    ready = tenant.wait_reason("app", "ImagesUndecided")
    assert f"1 of 1 images undecided: {image} (Deployment/one)" in ready["message"]
    assert tenant.condition("app", "ImagesResolved")["status"] == "False"
    assert not tenant.get("deployments", "one")

    put("Proxy")
    tenant.wait_ready("app")
    assert tenant.images("app")[image]["route"] == "Proxy"
    assert image_of(tenant.get("deployments", "one")) == routed
    assert tenant.get("secrets", SECRET)

    put("Keep")
    tenant.wait_ready("app")
    assert tenant.images("app")[image]["route"] == "Direct"
    assert image_of(tenant.get("deployments", "one")) == image
    assert tenant.get("secrets", SECRET), "it goes when the new version runs, and no sooner"
    tenant.world.registries.push(image)
    until(lambda: not tenant.get("secrets", SECRET), "nothing needs the pull secret any more", 60)
