"""One app of 200 objects: until all are there, against kubectl and helm with the same objects, in one run.

Prints the median of RUNS for each, and the ratio to the faster peer. ``floor`` is what the API server takes for the
writes alone: a bare client that has the objects in memory applies them without a dry run, as many at once as the
operator does. Argument: RUNS (default: 5).
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from harness.apps import LICENSE_ID, PUBLIC, deployment
from harness.licenses import Signer
from harness.running import ROOT, Operator
from harness.waiting import until
from kotsapp.apply.applier import CONCURRENCY
from kotsapp.apply.order import in_tiers
from kotsapp.kube.client import KubeClient
from kotsapp.kube.connection import Connection
from kotsapp.kube.discovery import Discovery
from kotsapp.kube.objects import key_of
from localworld.world import World

OBJECTS = 200


def objects() -> list[dict[str, Any]]:
    """A third each of Deployments, Services and ConfigMaps, as a chart of some size has them."""
    made: list[dict[str, Any]] = []
    for i in range(OBJECTS):
        name = f"part-{i:03}"
        if i % 3 == 0:
            made.append(deployment(name, PUBLIC, replicas=0))
        elif i % 3 == 1:
            spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
            made.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
        else:
            data = {"config.yaml": "key: value\n" * 20}
            made.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
    return made


def count(world: World, namespace: str) -> int:
    """How many of the objects are there. One of each kind is read and the rest is counted by the server: whoever is
    waited for must not pay for the waiting."""
    total = 0
    for prefix, plural in (("/apis/apps/v1", "deployments"), ("/api/v1", "services"), ("/api/v1", "configmaps")):
        page = world.api.get(f"{prefix}/namespaces/{namespace}/{plural}", limit="1")
        total += len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
    return total - 1  # kube-root-ca.crt, the ConfigMap of every namespace


def wait_for(world: World, namespace: str, number: int) -> None:
    until(lambda: count(world, namespace) == number, f"{number} objects are there", 120)


def timed(world: World, namespace: str, *command: str) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    wait_for(world, namespace, OBJECTS)
    return time.monotonic() - started


async def write_only(world: World, namespace: str, made: list[dict[str, Any]]) -> float:
    """Seconds for the server-side applies, tier by tier, and nothing else."""
    connection = await Connection.open("bench", kubeconfig=str(world.kubeconfig))
    client = KubeClient(connection, Discovery(connection), "")
    gate = asyncio.Semaphore(CONCURRENCY)
    placed = [{**obj, "metadata": {**obj["metadata"], "namespace": namespace}} for obj in made]
    by_key = {key_of(obj): obj for obj in placed}

    async def one(obj: dict[str, Any]) -> None:
        async with gate:
            await client.apply(obj)

    for api_version, kind in {(obj["apiVersion"], obj["kind"]) for obj in made}:
        await client.resource_type(api_version, kind)
    started = time.monotonic()
    for keys in in_tiers(by_key):
        await asyncio.gather(*(one(by_key[key]) for key in keys))
    took = time.monotonic() - started
    await connection.close()
    return took


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="kotsapp-bench-") as folder:
        times = measure(runs, Path(folder))
    print(f"{OBJECTS} objects, {runs} runs, seconds until all are there (median, min-max)")
    for tool, values in times.items():
        print(f"  {tool:<8} {statistics.median(values):6.2f}   {min(values):.2f}-{max(values):.2f}")
    best = min(statistics.median(times["kubectl"]), statistics.median(times["helm"]))
    ours, floor = statistics.median(times["kotsapp"]), statistics.median(times["floor"])
    print(f"kotsapp takes {ours / best:.2f} of the faster peer's time; the floor is {floor / best:.2f} of it")
    return 0


def measure(runs: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of every run, by tool; the tools take turns."""
    made = objects()
    manifest = folder / "all.yaml"
    manifest.write_text(yaml.safe_dump_all(made, sort_keys=False))
    chart = folder / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: bench\nversion: 1.0.0\n")
    (chart / "templates" / "all.yaml").write_text(manifest.read_text())
    signer = Signer.make(folder / "keys")
    times: dict[str, list[float]] = {"kotsapp": [], "kubectl": [], "helm": [], "floor": []}
    with World.start(folder / "world", licenses=[LICENSE_ID], node=False) as world:
        world.push_image(PUBLIC)
        world.kubectl("apply", "-k", str(ROOT / "deploy"))
        operator = Operator(world, folder, signer.folder).start()
        kubectl = [str(world.programs.kubectl), f"--kubeconfig={world.kubeconfig}"]
        helm = [str(world.programs.helm), f"--kubeconfig={world.kubeconfig}"]
        for run in range(runs):
            for tool in times:
                namespace = f"{tool}-{run}"
                world.create_namespace(namespace)
                wait_for(world, namespace, 0)
                if tool == "floor":
                    times[tool].append(asyncio.run(write_only(world, namespace, made)))
                    continue
                if tool == "kubectl":
                    command = [*kubectl, "-n", namespace, "apply", "--server-side", "-f", str(manifest)]
                elif tool == "helm":
                    command = [*helm, "-n", namespace, "install", "bench", str(chart)]
                else:
                    app = kotsapp(world, signer, namespace, made, folder)
                    command = [*kubectl, "-n", namespace, "apply", "-f", str(app)]
                times[tool].append(timed(world, namespace, *command))
        operator.stop()
    return times


def kotsapp(world: World, signer: Signer, namespace: str, made: list[dict[str, Any]], folder: Path) -> Path:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "my-license"}}
    secret["stringData"] = {"license.yaml": signer.sign().decode()}  # type: ignore[assignment]
    world.api.create(f"/api/v1/namespaces/{namespace}/secrets", secret)
    spec = {
        "license": {"secretRef": {"name": "my-license"}},
        "manifests": [{"inline": yaml.safe_dump_all(made, sort_keys=False)}],
    }
    body = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "bench"}, "spec": spec}
    file = folder / f"{namespace}.json"
    file.write_text(json.dumps(body))
    return file


if __name__ == "__main__":
    sys.exit(main())
