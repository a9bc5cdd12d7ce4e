"""``kubectl kotsapp tree``: the app's objects, and the pods that run of them."""

import asyncio
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kotsapp.cli.errors import EXIT_OK
from kotsapp.cli.output import cell, print_result
from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.target import App, Target, ready
from kotsapp.cli.plugin.terminal import painted

if TYPE_CHECKING:
    from kotsapp.kube.client import KubeClient

# What stands between a workload and its pods.
_BETWEEN = (("apps/v1", "ReplicaSet"), ("batch/v1", "Job"))
RUNNING = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"})


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    status = app.get("status") or {}
    states = {(w.get("kind"), w.get("namespace"), w.get("name")): w for w in status.get("workloads") or ()}
    entries = status.get("inventory") or ()
    pods = await pods_below(target.client, entries)
    objects = [_object(entry, states, pods) for entry in entries]
    objects.sort(key=lambda o: (o["kind"] not in RUNNING, o["namespace"], o["kind"], o["name"]))
    shown = {"name": app["metadata"]["name"], "namespace": app["metadata"]["namespace"], "objects": objects}
    print_result(shown, args.output, lambda: _text(app, objects))
    return EXIT_OK


def _object(
    entry: Mapping[str, Any],
    states: Mapping[tuple[Any, Any, Any], Mapping[str, Any]],
    pods: Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    key = (str(entry.get("kind")), str(entry.get("namespace") or ""), str(entry.get("name")))
    state = states.get((entry.get("kind"), entry.get("namespace"), entry.get("name")), {})
    return {
        "kind": key[0],
        "namespace": key[1],
        "name": key[2],
        "state": str(state.get("state", "")),
        "message": str(state.get("message", "")),
        "pods": [pod_of(pod) for pod in pods.get(key, ())],
    }


async def pods_below(
    client: "KubeClient", entries: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """The live pods below each object (kind, namespace, name): through its ReplicaSets and Jobs. Raises ApiError."""
    namespaces = sorted({str(e.get("namespace")) for e in entries if e.get("kind") in RUNNING and e.get("namespace")})
    kinds = [await client.resource_type(*kind) for kind in (*_BETWEEN, ("v1", "Pod"))]
    below: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for namespace in namespaces:
        *between, pods = [found for found, _ in await asyncio.gather(*(client.list(kind, namespace) for kind in kinds))]
        owners = {o["metadata"]["uid"]: _controller(o) for found in between for o in found}
        for pod in sorted(pods, key=lambda p: str(p["metadata"]["name"])):
            owner = _controller(pod)
            while owner is not None:
                below.setdefault((owner["kind"], namespace, owner["name"]), []).append(pod)
                owner = owners.get(owner["uid"])
    return below


def _controller(obj: Mapping[str, Any]) -> dict[str, Any] | None:
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def pod_of(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Its name, what its containers wait for or its phase, and how often they were restarted."""
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waiting = [((c.get("state") or {}).get("waiting") or {}).get("reason") for c in containers]
    return {
        "name": pod["metadata"]["name"],
        "state": next((reason for reason in waiting if reason), status.get("phase", "Unknown")),
        "restarts": sum(int(c.get("restartCount") or 0) for c in containers),
    }


def _text(app: App, objects: Sequence[Mapping[str, Any]]) -> str:
    metadata, condition = app["metadata"], ready(app)
    status = str(condition.get("status", "Unknown"))
    well = painted(status, tones.of_condition("Ready", status))
    lines = [f"KotsApp/{metadata['name']}  Ready {well} {condition.get('reason', '')}".rstrip()]
    for place, obj in enumerate(objects, 1):
        last = place == len(objects)
        where = (
            "" if obj["namespace"] == metadata["namespace"] else f" in {obj['namespace']}" if obj["namespace"] else ""
        )
        state = f"  {painted(obj['state'])}" if obj["state"] else ""
        lines.append(f"{'└─' if last else '├─'} {obj['kind']}/{obj['name']}{where}{state}")
        for number, pod in enumerate(obj["pods"], 1):
            branch = "└─" if number == len(obj["pods"]) else "├─"
            again = f", {pod['restarts']} restarts" if pod["restarts"] else ""
            lines.append(f"{'  ' if last else '│ '}  {branch} Pod/{pod['name']}  {painted(cell(pod['state']))}{again}")
    return "\n".join(lines)
