"""The operator's main job: private images are found, routed and pulled, and status says so."""

import base64
import json

from harness.apps import LICENSE_ID, PRIVATE, PROXIED, PUBLIC, VENDOR, Tenant, deployment
from harness.waiting import until


def running_images(tenant: Tenant) -> set[str]:
    """Images of pods that run because the node stand-in really pulled them with the pod's own secrets."""
    pods = [pod for pod in tenant.all("pods") if pod.get("status", {}).get("phase") == "Running"]
    return {container["image"] for pod in pods for container in pod["spec"]["containers"]}


def test_a_private_image_is_routed_through_the_proxy_and_its_pod_runs(tenant: Tenant) -> None:
    example = deployment("example", PRIVATE)
    example["spec"]["template"]["spec"]["initContainers"] = [{"name": "wait", "image": PUBLIC}]
    tenant.put_app("app", [example, deployment("worker", VENDOR)])

    tenant.wait_ready("app")

    assert running_images(tenant) == {PROXIED, VENDOR}
    found = tenant.images("app")
    assert {image: entry["verdict"] for image, entry in found.items()} == {
        PRIVATE: "Private",
        PUBLIC: "Public",
        VENDOR: "Replicated",
    }
    assert found[PRIVATE]["httpStatus"] == 401
    assert found[PRIVATE]["verified"] == "True"
    assert found[PRIVATE]["usedBy"] == ["Deployment/example"]
    live = tenant.get("deployments", "example")
    spec = live["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["image"] == PUBLIC
    assert spec["imagePullSecrets"] == [{"name": "my-kots-app-registry"}]
    assert json.loads(live["metadata"]["annotations"]["kotsapp.dev/original-images"]) == {"main": PRIVATE}


def test_the_pull_secret_holds_the_license_for_both_domains(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example")])
    tenant.wait_ready("app")

    secret = tenant.get("secrets", "my-kots-app-registry")

    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    auth = base64.b64encode(f"LICENSE_ID:{LICENSE_ID}".encode()).decode()
    assert json.loads(base64.b64decode(secret["data"][".dockerconfigjson"])) == {
        "auths": {"proxy.replicated.com": {"auth": auth}, "registry.replicated.com": {"auth": auth}}
    }


def test_an_app_with_public_images_alone_gets_no_pull_secret(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("example", PUBLIC)])
    tenant.wait_ready("app")

    assert not tenant.get("secrets", "my-kots-app-registry")
    assert "imagePullSecrets" not in tenant.get("deployments", "example")["spec"]["template"]["spec"]


def test_a_license_that_the_proxy_refuses_leaves_the_pod_unpulled_and_says_so(tenant: Tenant) -> None:
    tenant.put_license(licenseID="an-id-nobody-knows")
    tenant.put_app("app", [deployment("example")])

    def reported() -> bool:
        workloads = tenant.status("app").get("workloads") or [{}]
        return "ImagePull" in workloads[0].get("message", "")

    until(reported, "the workload's message tells of the image pull")

    assert tenant.images("app")[PRIVATE]["verified"] == "False"
    assert tenant.condition("app", "ImagesPullable")["status"] == "False"
    assert tenant.condition("app")["status"] != "True"
    assert PROXIED in tenant.status("app")["workloads"][0]["message"]


def test_manifests_come_from_config_maps_and_secrets_in_order(tenant: Tenant) -> None:
    tenant.put_config_map(
        "manifests", {"b.yaml": json.dumps(deployment("two")), "a.yaml": json.dumps(deployment("one"))}
    )
    tenant.put_secret("more", {"c.yaml": json.dumps(deployment("three", PUBLIC)), "unused.yaml": "kind: {"})
    sources = [{"configMapRef": {"name": "manifests"}}, {"secretRef": {"name": "more", "key": "c.yaml"}}]
    tenant.put_app_spec("app", {"license": {"secretRef": {"name": "my-license"}}, "manifests": sources})

    tenant.wait_ready("app")

    assert {d["metadata"]["name"] for d in tenant.all("deployments")} == {"one", "two", "three"}


def test_a_changed_manifest_is_acted_on_at_once(tenant: Tenant) -> None:
    tenant.put_config_map("manifests", {"a.yaml": json.dumps(deployment("one", PUBLIC))})
    tenant.put_app_spec(
        "app",
        {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"configMapRef": {"name": "manifests"}}]},
    )
    tenant.wait_ready("app")

    tenant.put_config_map("manifests", {"a.yaml": json.dumps(deployment("one", PRIVATE))})

    def image() -> str:
        spec = tenant.get("deployments", "one")["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    until(lambda: image() == PROXIED, "the new image is rolled out", seconds=5)


def test_a_license_in_a_config_map_under_a_key_of_its_own_serves_too(tenant: Tenant) -> None:
    tenant.put_config_map("lic", {"acme.yaml": tenant.signer.sign().decode()})
    tenant.put_app("app", [deployment("example")], license={"configMapRef": {"name": "lic", "key": "acme.yaml"}})

    tenant.wait_ready("app")
