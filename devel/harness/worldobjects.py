"""Pods and pull secrets as plain objects, for tests of what the node makes of them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from localworld import layout

if TYPE_CHECKING:
    from localworld.world import World

PROXIED = f"{layout.PROXY}/proxy/{layout.SAMPLE_SLUG}/quay.io/my-org/api:v1.0.1"
PODS = "/api/v1/namespaces/default/pods"
SECRETS = "/api/v1/namespaces/default/secrets"


def pull_secret(
    name: str, password: str, *, host: str = layout.PROXY, user: str = layout.LICENSE_USER
) -> dict[str, Any]:
    """A pull secret with one entry."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    content = json.dumps({"auths": {host: {"auth": auth}}}).encode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name},
        "data": {".dockerconfigjson": base64.b64encode(content).decode()},
    }


def pod(
    name: str, image: str, *, secret: str = "", annotations: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """A pod with one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {
            "containers": [{"name": "main", "image": image}],
            "imagePullSecrets": [{"name": secret}] if secret else [],
            **spec,
        },
    }


def phase(found: dict[str, Any]) -> str:
    """The phase of a pod."""
    value: str = found.get("status", {}).get("phase", "")
    return value


def waiting(found: dict[str, Any], container: int = 0) -> tuple[str, str]:
    """(reason, message) of why a container of a pod waits; empty strings when it does not."""
    statuses = found.get("status", {}).get("containerStatuses") or []
    state = statuses[container]["state"].get("waiting", {}) if statuses else {}
    return state.get("reason", ""), state.get("message", "")


def wait_for_reason(world: World, name: str, reason: str) -> str:
    """Wait until the pod's container waits for that reason; the message."""
    found = world.api.wait(f"{PODS}/{name}", lambda pod: waiting(pod)[0] == reason)
    return waiting(found)[1]


def wait_for_phase(world: World, name: str, wanted: str) -> dict[str, Any]:
    """Wait until the pod has that phase; the pod."""
    return world.api.wait(f"{PODS}/{name}", lambda pod: phase(pod) == wanted)
