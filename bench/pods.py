"""What the admission policy adds to making a pod: in one namespace with it and one without it, taking turns.

Prints the median of RUNS pods each way, and what each took of the API server's processor time, which other work on the
machine changes less, by what the app's status holds. Argument: RUNS (default: 200).
"""

import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.definitions import wait_established
from harness.running import ROOT
from harness.waiting import until
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods.policy import LABEL_VALUE
from localworld.world import World

PROXY, SLUG = "proxy.replicated.com", "my-kots-app"
WITHOUT, WITH = "without", "with"
# Pods in one namespace, and then as many in the other.
BATCH = 20
# Images in the status, and containers of a pod, of which every other one is routed.
CASES = ((0, 1), (20, 2), (500, 2), (500, 30))


def image(number: int) -> str:
    return f"quay.io/my-organization/part-{number:03}:v1.0.{number}"


def status(number: int) -> dict[str, Any]:
    """Of an app with so many images, all of them routed."""
    entries = [
        {
            "image": image(one),
            "verdict": "Private",
            "route": "Proxy",
            "verified": "True",
            "pull": f"{PROXY}/proxy/{SLUG}/{image(one)}",
            "httpStatus": 401,
            "message": "quay.io refused an anonymous pull",
            "usedBy": [f"Deployment/part-{one:03}"],
        }
        for one in range(number)
    ]
    pods = {"pullSecret": f"{SLUG}-registry", "hosts": [PROXY]}
    return {"license": {"appSlug": SLUG}, "pods": pods, "images": entries}


def pod(name: str, containers: int) -> dict[str, Any]:
    made = [{"name": f"c{n}", "image": image(n) if n % 2 == 0 else "busybox:1.36"} for n in range(containers)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": made}}


def make(world: World, namespace: str, name: str, containers: int, *, dry_run: bool = False) -> dict[str, Any]:
    params = {"dryRun": "All"} if dry_run else None
    path = f"/api/v1/namespaces/{namespace}/pods"
    return world.api.request("POST", path, pod(name, containers), params=params)


def put_status(world: World, number: int) -> None:
    """Once the policy has seen it."""
    path = f"/apis/kotsapp.dev/v1alpha1/namespaces/{WITH}/kotsapps/app"
    spec = {"license": {"secretRef": {"name": "x"}}, "manifests": [{"inline": "{}"}], "pods": {"route": True}}
    app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "app"}, "spec": spec}
    world.api.apply(path, app)
    world.api.merge(f"{path}/status", {"status": status(number)})
    until(lambda: bool(number) == is_routed(make(world, WITH, "seen", 1, dry_run=True)), "the policy knows it", 30)


def is_routed(made: dict[str, Any]) -> bool:
    return bool(made["spec"]["containers"][0]["image"].startswith(PROXY))


@dataclass
class Taken:
    """Milliseconds for each pod, and processor time of the API server for all of them."""

    each: list[float] = field(default_factory=list)
    cpu: float = 0.0


def measure(world: World, runs: int, containers: int) -> dict[str, Taken]:
    taken = {WITHOUT: Taken(), WITH: Taken()}
    for batch in range(-(-runs // BATCH)):
        for namespace in (WITHOUT, WITH) if batch % 2 else (WITH, WITHOUT):
            names = [f"pod-{number}" for number in range(batch * BATCH, min(runs, (batch + 1) * BATCH))]
            cpu = cpu_milliseconds(world.apiserver.pid)
            for name in names:
                began = time.perf_counter()
                make(world, namespace, name, containers)
                taken[namespace].each.append((time.perf_counter() - began) * 1000)
            taken[namespace].cpu += cpu_milliseconds(world.apiserver.pid) - cpu
            for name in names:
                world.api.delete(f"/api/v1/namespaces/{namespace}/pods/{name}", gracePeriodSeconds="0")
    return taken


def cpu_milliseconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000


def row(what: str, taken: dict[str, Taken]) -> str:
    without, with_it = (statistics.median(taken[one].each) for one in (WITHOUT, WITH))
    cpu_without, cpu_with = (taken[one].cpu / len(taken[one].each) for one in (WITHOUT, WITH))
    return f"{what:<30} {without:8.2f} {with_it:8.2f} {with_it - without:8.2f}   {cpu_without:8.2f} {cpu_with:8.2f}"


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with World.start(node=False) as world:
        world.kubectl("apply", "-f", str(ROOT / "crds" / "kotsapps.kotsapp.dev.yaml"))
        wait_established(world)
        world.kubectl("apply", "-f", str(ROOT / "deploy" / "components" / "pods" / "policy.yaml"))
        for namespace in (WITHOUT, WITH):
            world.create_namespace(namespace)
        world.kubectl("label", "namespace", WITH, f"{ROUTED_LABEL}={LABEL_VALUE}")
        print(f"one pod after the other, medians of {runs}, milliseconds; processor time of the API server a pod")
        print(
            f"{'images in status, containers':<30} {'without':>8} {'with':>8} {'adds':>8}   {'without':>8} {'with':>8}"
        )
        for images, containers in CASES:
            put_status(world, images)
            measure(world, 10, containers)  # what is slow only once
            print(row(f"{images:>6}, {containers:>3}", measure(world, runs, containers)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
