"""What the admission policy adds to making a pod: in one namespace with it and one without it, taking turns.

Prints the median of RUNS pods each way, by what the app's status holds, and what an update of a label takes, which the
policy looks at and leaves alone. Argument: RUNS (default: 200).
"""

import statistics
import sys
import time
from typing import Any

from harness.running import ROOT
from harness.waiting import until
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods.policy import LABEL_VALUE
from localworld.world import World

PROXY, SLUG = "proxy.replicated.com", "my-kots-app"
WITHOUT, WITH = "without", "with"
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


def measure(world: World, runs: int, containers: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds for each pod that was made, and for each label that was set on one."""
    made: dict[str, list[float]] = {WITHOUT: [], WITH: []}
    labelled: dict[str, list[float]] = {WITHOUT: [], WITH: []}
    for number in range(runs):
        for namespace in (WITHOUT, WITH) if number % 2 else (WITH, WITHOUT):
            name = f"pod-{number}"
            began = time.perf_counter()
            make(world, namespace, name, containers)
            between = time.perf_counter()
            path = f"/api/v1/namespaces/{namespace}/pods/{name}"
            world.api.merge(path, {"metadata": {"labels": {"a": "b"}}})
            labelled[namespace].append((time.perf_counter() - between) * 1000)
            made[namespace].append((between - began) * 1000)
            world.api.delete(path, gracePeriodSeconds="0")
    return made, labelled


def row(what: str, times: dict[str, list[float]]) -> str:
    without, with_it = (statistics.median(times[one]) for one in (WITHOUT, WITH))
    p95 = statistics.quantiles(times[WITH], n=20)[-1]
    return f"{what:<38} {without:8.2f} {with_it:8.2f} {with_it - without:8.2f} {p95:8.2f}"


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with World.start(node=False) as world:
        world.kubectl("apply", "-f", str(ROOT / "crds" / "kotsapps.kotsapp.dev.yaml"))
        world.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=20s")
        world.kubectl("apply", "-f", str(ROOT / "deploy" / "components" / "pods" / "policy.yaml"))
        for namespace in (WITHOUT, WITH):
            world.create_namespace(namespace)
        world.kubectl("label", "namespace", WITH, f"{ROUTED_LABEL}={LABEL_VALUE}")
        print(f"one pod after the other, medians of {runs}, milliseconds")
        print(f"{'images in status, containers':<38} {'without':>8} {'with':>8} {'adds':>8} {'p95':>8}")
        updates: dict[str, list[float]] = {WITHOUT: [], WITH: []}
        for images, containers in CASES:
            put_status(world, images)
            measure(world, 10, containers)  # what is slow only once
            made, updates = measure(world, runs, containers)
            print(row(f"{images:>6}, {containers:>3}", made), flush=True)
        print(row("a label, with the last of these", updates))
    return 0


if __name__ == "__main__":
    sys.exit(main())
