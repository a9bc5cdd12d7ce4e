"""What a pod's ServiceAccount carries stays with the pod beside the license's pull secret, on a real API server."""

import json
from typing import Any

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, deployment
from harness.deployer import make_deployer
from harness.objects import obj, pod_spec
from harness.waiting import stays, until
from localworld.world import World

PULL_SECRET = "my-kots-app-registry"


def account(name: str, *secrets: str) -> Object:
    return obj("v1", "ServiceAccount", name, imagePullSecrets=[{"name": secret} for secret in secrets])


def carry(tenant: Tenant, name: str, *secrets: str) -> None:
    """The customer lets an account carry these pull secrets."""
    listed = ", ".join(f'{{"name": "{secret}"}}' for secret in secrets)
    tenant.kubectl("patch", "serviceaccount", name, "--type=merge", "-p", f'{{"imagePullSecrets": [{listed}]}}')


def default_account(tenant: Tenant) -> None:
    until(lambda: tenant.get("serviceaccounts", "default"), "the namespace has its account")


def listed(tenant: Tenant, name: str = "example") -> list[str]:
    found = tenant.get("deployments", name)
    spec: Any = found["spec"]["template"]["spec"] if found else {}
    return [entry["name"] for entry in spec.get("imagePullSecrets") or ()]


def wait_listed(tenant: Tenant, *secrets: str, name: str = "example") -> None:
    until(lambda: listed(tenant, name) == list(secrets), f"{name} lists {', '.join(secrets)}")


def of_pods(tenant: Tenant, name: str) -> set[tuple[str, ...]]:
    pods = [pod for pod in tenant.all("pods") if pod["metadata"].get("labels", {}).get("app") == name]
    return {tuple(entry["name"] for entry in pod["spec"].get("imagePullSecrets") or ()) for pod in pods}


def test_a_pod_keeps_the_secrets_of_the_default_account(tenant: Tenant) -> None:
    default_account(tenant)
    carry(tenant, "default", "customer-registry")
    tenant.put_app("app", [deployment("example", PRIVATE), deployment("plain", PUBLIC)])
    tenant.wait_ready("app")

    assert listed(tenant) == [PULL_SECRET, "customer-registry"]
    assert of_pods(tenant, "example") == {(PULL_SECRET, "customer-registry")}
    # What needs no pull secret is left to the API server, which does the same.
    assert listed(tenant, "plain") == []
    assert of_pods(tenant, "plain") == {("customer-registry",)}


def test_what_the_customer_adds_to_an_account_later_reaches_the_pods(tenant: Tenant) -> None:
    default_account(tenant)
    tenant.put_app("app", [deployment("example", PRIVATE)])
    tenant.wait_ready("app")
    assert listed(tenant) == [PULL_SECRET]

    carry(tenant, "default", "customer-registry")
    wait_listed(tenant, PULL_SECRET, "customer-registry")
    carry(tenant, "default", "another")
    wait_listed(tenant, PULL_SECRET, "another")
    carry(tenant, "default")
    wait_listed(tenant, PULL_SECRET)


def test_an_account_that_is_made_later_counts_from_then_on(tenant: Tenant) -> None:
    make_deployer(tenant)
    workload = deployment("example", PRIVATE, serviceAccountName="later")
    tenant.put_app("app", [workload], serviceAccountName="deployer", wait=False)
    until(lambda: listed(tenant) == [PULL_SECRET], "it is applied without the account")

    tenant.kubectl("apply", "-f", "-", stdin=json.dumps(account("later", "customer-registry")))
    wait_listed(tenant, PULL_SECRET, "customer-registry")


def test_an_account_of_the_app_itself_carries_what_its_manifest_says_or_what_the_customer_gave_it(
    tenant: Tenant,
) -> None:
    silent = obj("v1", "ServiceAccount", "silent")
    workloads = [
        deployment("told", PRIVATE, serviceAccountName="told"),
        deployment("untold", PRIVATE, serviceAccountName="silent"),
        deployment("own", PRIVATE, serviceAccountName="told", imagePullSecrets=[{"name": "own"}]),
    ]
    tenant.put_app("app", [account("told", "mirror"), silent, *workloads])
    tenant.wait_ready("app")
    assert listed(tenant, "told") == [PULL_SECRET, "mirror"]
    assert listed(tenant, "untold") == [PULL_SECRET]
    assert listed(tenant, "own") == ["own", PULL_SECRET]

    carry(tenant, "silent", "customer-registry")
    wait_listed(tenant, PULL_SECRET, "customer-registry", name="untold")
    tenant.put_app("app", [account("told", "mirror", "second"), silent, *workloads])
    wait_listed(tenant, PULL_SECRET, "mirror", "second", name="told")
    tenant.wait_ready("app")


def test_a_job_that_has_run_is_not_run_again_for_what_an_account_carries(tenant: Tenant) -> None:
    default_account(tenant)
    template = {"spec": pod_spec(PRIVATE, restartPolicy="Never")}
    job = obj("batch/v1", "Job", "once", spec={"template": template})
    tenant.put_app("app", [job], wait=False)
    tenant.wait_ready("app")
    uid = tenant.get("jobs", "once")["metadata"]["uid"]

    carry(tenant, "default", "customer-registry")

    stays(lambda: tenant.get("jobs", "once")["metadata"]["uid"] == uid, "it is the same job", 2)
    assert tenant.condition("app")["status"] == "True"


def test_accounts_of_other_namespaces_are_their_own(world: World, tenant: Tenant) -> None:
    """A namesake in the app's namespace says nothing about the account of the pods' namespace."""
    default_account(tenant)
    carry(tenant, "default", "here")
    other = f"{tenant.namespace}-other"
    world.create_namespace(other)
    make_deployer(tenant)
    until(lambda: world.kubectl("-n", other, "get", "sa", "default", check=False), "it has its account")
    there = '{"imagePullSecrets": [{"name": "there"}]}'
    world.kubectl("-n", other, "patch", "serviceaccount", "default", "--type=merge", "-p", there)
    workload = deployment("example", PRIVATE)
    workload["metadata"]["namespace"] = other
    tenant.put_app("app", [workload], serviceAccountName="deployer")
    tenant.wait_ready("app")

    spec = world.api.get(f"/apis/apps/v1/namespaces/{other}/deployments/example")["spec"]["template"]["spec"]
    assert [entry["name"] for entry in spec["imagePullSecrets"]] == [PULL_SECRET, "there"]
