"""A real node runs containers, as the stand-in only says it does, and nothing of them gets any further."""

import base64
import json
from typing import Any

import pytest

from localworld import layout
from localworld.process import ProcessError
from localworld.world import World

PRIVATE = f"{layout.PROXY}/proxy/{layout.SAMPLE_SLUG}/{layout.SAMPLE_PRIVATE[0]}"
READY_SECONDS = 60
# TEST-NET-3, which nobody has.
ELSEWHERE = "203.0.113.1"


def test_a_private_image_runs_by_its_pull_secret(real_world: World) -> None:
    real_world.create_namespace("licensed")
    _pull_secret(real_world, "licensed", layout.SAMPLE_LICENSE)

    _run(real_world, "licensed", _pod("api", PRIVATE, imagePullSecrets=[{"name": "license"}]))

    assert f"{PRIVATE} runs in api" in _kubectl(real_world, "licensed", "logs", "api")
    assert "httpd" in _kubectl(real_world, "licensed", "exec", "api", "--", "ps")


def test_without_the_pull_secret_the_kubelet_says_why_it_does_not(real_world: World) -> None:
    real_world.create_namespace("unlicensed")
    _create(real_world, "unlicensed", _pod("api", PRIVATE))

    pod = real_world.api.wait("/api/v1/namespaces/unlicensed/pods/api", _waits, seconds=READY_SECONDS)

    waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert "401 Unauthorized" in waiting["message"] or "authorization failed" in waiting["message"]


def test_pods_find_services_by_name_and_nothing_beyond_this_machine(real_world: World) -> None:
    real_world.create_namespace("talking")
    labels = {"app": "web"}
    _create(
        real_world,
        "talking",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "shop"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    )
    _run(real_world, "talking", _pod("web", "nginx:1.27", labels=labels))

    ask = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc shop 80 && exit; sleep 1"
    answer = _kubectl(
        real_world, "talking", "exec", "web", "--", "sh", "-c", f"for i in 1 2 3 4 5 6 7 8 9; do {ask}; done"
    )
    away = _kubectl(
        real_world, "talking", "exec", "web", "--", "sh", "-c", f"nc {ELSEWHERE} 80 2>&1; nslookup quay.io; :"
    )

    assert answer.endswith("\nnginx:1.27\n")
    assert "Network is unreachable" in away
    assert "can't find quay.io: NXDOMAIN" in away


def test_a_registry_that_the_world_has_no_stand_in_for_is_not_asked(real_world: World) -> None:
    real_world.create_namespace("elsewhere")
    _create(real_world, "elsewhere", _pod("stray", "registry.elsewhere.invalid/app:1"))

    pod = real_world.api.wait("/api/v1/namespaces/elsewhere/pods/stray", _waits, seconds=READY_SECONDS)

    assert (
        "127.0.0.1:1: connect: connection refused"
        in pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    )


def test_a_host_that_is_named_later_is_pulled_from(real_world: World) -> None:
    real_world.create_namespace("renamed")
    real_world.registries.add_alias("images.later.invalid", "registry.k8s.io")
    real_world.push_image("images.later.invalid/app:1")

    _run(real_world, "renamed", _pod("app", "images.later.invalid/app:1"))


def test_after_a_power_cut_the_node_starts_its_containers_again(real_world: World) -> None:
    real_world.create_namespace("outage")
    _run(real_world, "outage", _pod("app", "nginx:1.27"))
    before = _container(real_world, "outage", "app")["containerID"]

    assert real_world.node is not None
    real_world.node.kill()
    real_world.node.start()

    def runs_anew(pod: dict[str, Any]) -> bool:
        status = pod["status"]["containerStatuses"][0]
        return bool(status["ready"] and status["containerID"] != before)

    real_world.api.wait("/api/v1/namespaces/outage/pods/app", runs_anew, seconds=READY_SECONDS)
    assert _container(real_world, "outage", "app")["restartCount"] == 1


def test_a_pod_ends_as_fast_as_its_program_does(real_world: World) -> None:
    real_world.create_namespace("ending")
    _run(real_world, "ending", _pod("app", "nginx:1.27"))

    _kubectl(real_world, "ending", "delete", "pod", "app", "--timeout=25s")

    with pytest.raises(ProcessError, match="not found"):
        _kubectl(real_world, "ending", "get", "pod", "app")


def _pod(name: str, image: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": [{"name": "app", "image": image}], **spec},
    }


def _create(world: World, namespace: str, *objects: dict[str, Any]) -> None:
    for body in objects:
        world.api.create(f"/api/v1/namespaces/{namespace}/{body['kind'].lower()}s", body)


def _run(world: World, namespace: str, pod: dict[str, Any]) -> None:
    """Create the pod and wait until it is Ready."""
    _create(world, namespace, pod)

    def ready(found: dict[str, Any]) -> bool:
        conditions = found["status"].get("conditions", [])
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    world.api.wait(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", ready, seconds=READY_SECONDS)


def _container(world: World, namespace: str, pod: str) -> dict[str, Any]:
    found: dict[str, Any] = world.api.get(f"/api/v1/namespaces/{namespace}/pods/{pod}")
    status: dict[str, Any] = found["status"]["containerStatuses"][0]
    return status


def _waits(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return any("message" in status["state"].get("waiting", {}) for status in statuses)


def _pull_secret(world: World, namespace: str, license_id: str) -> None:
    auth = base64.b64encode(f"{layout.LICENSE_USER}:{license_id}".encode()).decode()
    content = json.dumps({"auths": {layout.PROXY: {"auth": auth}}}).encode()
    _create(
        world,
        namespace,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "license"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(content).decode()},
        },
    )


def _kubectl(world: World, namespace: str, *arguments: str) -> str:
    return world.kubectl("-n", namespace, *arguments)
