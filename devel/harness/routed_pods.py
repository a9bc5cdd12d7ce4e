"""Pods that others make in the namespace of an app that routes them; the policy's part is done here."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from harness.cluster import NAMESPACE, config_map, obj
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods import policy
from kotsapp.pods.routing import routes
from kotsapp.verdicts.verdict import Verdict

HIDDEN = "quay.io/my-org/database:v7"
PROXY = "proxy.replicated.com/proxy/my-kots-app/"
ROUTE: dict[str, Any] = {"pods": {"route": True}}
PULL_SECRET = "my-kots-app-registry"
OWNER = {"apiVersion": "example.invalid/v1", "kind": "Database", "name": "main", "uid": "u-1", "controller": True}
Object = dict[str, Any]


def allow(operator: Operator, *, label: bool = True, installed: bool = True) -> None:
    """What an administrator does."""
    if label:
        labels = {ROUTED_LABEL: policy.LABEL_VALUE}
        operator.api.change("Namespace", NAMESPACE, {"metadata": {"labels": labels}})
    if installed:
        operator.api.put(policy.policy())
        operator.api.put(policy.binding())
    operator.prober.verdicts[HIDDEN] = Verdict.PRIVATE


@contextlib.asynccontextmanager
async def routing(signer: Signer) -> AsyncIterator[Operator]:
    """An operator with an app that is Ready and routes pods, and a cluster with the policy for it."""
    async with operating(signer) as operator:
        allow(operator)
        operator.put_app(config_map(), **ROUTE)
        await operator.until_ready()
        yield operator


def make_pod(operator: Operator, name: str, *images: str, owner: Object | None = OWNER, **metadata: Any) -> Object:
    """As a controller makes it, and the policy routes it by the status that is there."""
    routed = routes(operator.status())
    containers = [{"name": f"c{n}", "image": routed.get(image, image)} for n, image in enumerate(images)]
    if owner:
        metadata["ownerReferences"] = [owner]
    return operator.api.put(obj("Pod", name, metadata=metadata, spec={"containers": containers}))


def not_pulled(operator: Operator, name: str, *running: str) -> None:
    """The kubelet's word that images are missing, but those of containers that run."""
    spec = operator.api.live("Pod", name, NAMESPACE)["spec"]
    statuses = []
    for container in spec["containers"]:
        state = {"running": {}} if container["name"] in running else {"waiting": {"reason": "ImagePullBackOff"}}
        statuses.append({"name": container["name"], "image": container["image"], "restartCount": 0, "state": state})
    status = {"phase": "Pending", "containerStatuses": statuses}
    operator.api.change("Pod", name, {"status": status}, NAMESPACE, manager="kubelet")


def images(operator: Operator) -> dict[str, Object]:
    return {entry["image"]: entry for entry in operator.status().get("images") or ()}


def condition(operator: Operator) -> tuple[str, str]:
    for found in operator.status().get("conditions") or ():
        if found["type"] == "PodsRouted":
            return found["status"], found["reason"]
    return "", ""


def message(operator: Operator) -> str:
    conditions = operator.status().get("conditions") or ()
    return next((str(found["message"]) for found in conditions if found["type"] == "PodsRouted"), "")


def deleted(operator: Operator) -> list[str]:
    return [write for write in operator.api.writes() if write.startswith("delete Pod/")]


def events(operator: Operator, reason: str) -> list[str]:
    return [event["message"] for event in operator.api.all("Event", NAMESPACE) if event["reason"] == reason]


def stuck(operator: Operator, name: str = "db-0", **options: Any) -> None:
    """A pod that was made before anybody knew its image, and can't pull it."""
    make_pod(operator, name, HIDDEN, **options)
    not_pulled(operator, name)
