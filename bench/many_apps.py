"""Many KotsApps: time to all Ready, what idling costs, what a look at an unchanged app costs, and how long one changed
license takes.

Prints a row for each number of apps. A look is a whole reconciliation, since the license's Secret was touched;
``readers`` is the CPU, in seconds, of reading releases and of helm meanwhile: nothing, where there was none of both.
Arguments: numbers of apps (default: 100 1000). With ``--charts`` each app is a chart that comes to the same objects and
draws a password: what is kept of its rendering must cost no memory.
"""

import base64
import io
import json
import os
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.apps import LICENSE_ID, PRIVATE, SLUG, config_map, deployment
from harness.licenses import Signer
from harness.running import ROOT, Operator
from harness.waiting import until
from localworld.world import World

NAMESPACES = 10
IDLE_SECONDS = int(os.environ.get("IDLE_SECONDS", "120"))
LOOK_SECONDS = 0.5
OTHER_ID = "another-license-id"
HEADS = (
    " apps  Ready, s  each, ms  idle writes  idle CPU %  empty MiB  RSS MiB"
    "  look, ms CPU  writes  readers, s  new license, s"
)


def objects(name: str) -> list[dict[str, Any]]:
    service = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return [
        deployment(name, PRIVATE, replicas=0),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
        *(config_map(f"{name}-{i}", key="value") for i in range(3)),
    ]


CHART = {
    "Chart.yaml": {"apiVersion": "v2", "name": "one", "version": "1.0.0"},
    "templates/all.yaml": [
        *objects("{{ .Release.Name }}"),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "{{ .Release.Name }}-drawn"},
            "stringData": {"password": "{{ randAlphaNum 20 }}"},
        },
    ],
}


def packed_chart() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in CHART.items():
            data = yaml.safe_dump_all(content if isinstance(content, list) else [content]).encode()
            member = tarfile.TarInfo(f"one/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def manifests(name: str, charts: bool) -> list[dict[str, Any]]:
    if not charts:
        return [{"inline": yaml.safe_dump_all(objects(name))}]
    metadata, chart = {"name": name}, {"name": "one", "chartVersion": "1.0.0"}
    spec = {"chart": chart, "releaseName": name}
    helm_chart = {"apiVersion": "kots.io/v1beta2", "kind": "HelmChart", "metadata": metadata, "spec": spec}
    return [{"configMapRef": {"name": "chart"}}, {"inline": yaml.safe_dump(helm_chart)}]


def body(name: str, namespace: str, charts: bool) -> dict[str, Any]:
    """An app of five objects, with a license Secret of its own."""
    return {
        "apiVersion": "kotsapp.dev/v1alpha1",
        "kind": "KotsApp",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "license": {"secretRef": {"name": f"license-{name}"}},
            "manifests": manifests(name, charts),
            "pullSecret": {"name": f"{name}-registry"},
        },
    }


def license_secret(name: str, namespace: str, document: bytes) -> dict[str, Any]:
    data = {"license.yaml": base64.b64encode(document).decode()}
    metadata = {"name": f"license-{name}", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def ready(world: World) -> int:
    """How many are Ready, by the printed columns: reading every status would load the server that is measured."""
    time.sleep(LOOK_SECONDS)
    rows = world.kubectl("get", "kotsapps", "--all-namespaces", "--no-headers").splitlines()
    return sum(row.split()[2] == "True" for row in rows)


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """Of the process, and with ``children`` of those that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11 : 15 if children else 13]) / os.sysconf("SC_CLK_TCK")


def readers_seconds(pid: int) -> float:
    """CPU of what the operator has started: what forks readers, and those, which start helm."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(cpu_seconds(int(child), children=True) for child in started)


def writes(world: World, at: int) -> int:
    """Write calls by the operator's account in the audit log from byte ``at`` on."""
    assert world.audit_log is not None
    count = 0
    with world.audit_log.open("rb") as log:
        log.seek(at)
        for line in log:
            event = json.loads(line)
            by_operator = event["user"]["username"].endswith(":kotsapp-operator")
            count += by_operator and event["verb"] in ("create", "update", "patch", "delete")
    return count


def measure(number: int, folder: Path, charts: bool) -> str:
    signer = Signer.make(folder / "keys")
    signed, other = signer.sign(), signer.sign(licenseID=OTHER_ID, licenseSequence=4)
    with World.start(folder / "world", audit=True, licenses=[LICENSE_ID, OTHER_ID], node=False) as world:
        world.push_image(PRIVATE, proxied_for=SLUG)
        world.kubectl("apply", "-k", str(ROOT / "deploy"))
        names = [(f"app-{i:04}", f"many-{i % NAMESPACES}") for i in range(number)]
        for i in range(NAMESPACES):
            world.create_namespace(f"many-{i}")
            packed = {"one.tgz": base64.b64encode(packed_chart()).decode()}
            chart = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "chart"}, "binaryData": packed}
            world.api.create(f"/api/v1/namespaces/many-{i}/configmaps", chart)
        operator = Operator(world, folder, signer.folder).start()
        empty = operator.rss()
        with ThreadPoolExecutor(8) as pool:
            secrets = "/api/v1/namespaces/{}/secrets"
            list(pool.map(lambda n: world.api.create(secrets.format(n[1]), license_secret(*n, signed)), names))
            started = time.monotonic()
            apps = "/apis/kotsapp.dev/v1alpha1/namespaces/{}/kotsapps"
            list(pool.map(lambda n: world.api.create(apps.format(n[1]), body(*n, charts)), names))
        until(lambda: ready(world) == number, "all are Ready", 900)
        took = time.monotonic() - started
        assert world.audit_log is not None
        time.sleep(5)
        at, cpu = world.audit_log.stat().st_size, cpu_seconds(operator.pid)
        time.sleep(IDLE_SECONDS)
        busy = (cpu_seconds(operator.pid) - cpu) / IDLE_SECONDS * 100
        idle_writes, rss = writes(world, at), operator.rss()
        looked_at(world, operator, names)  # what was just stored is read once
        looks = looked_at(world, operator, names)
        changed = changed_license(world, names[number // 2], other)
        operator.stop()
    mib = 1024 * 1024
    return (
        f"{number:>5}  {took:8.1f}  {took / number * 1000:8.1f}  {idle_writes:11}  {busy:10.2f}"
        f"  {empty / mib:9.0f}  {rss / mib:7.0f}"
        f"  {looks.cpu * 1000:12.1f}  {looks.writes:6}  {looks.readers:10.2f}  {changed:14.2f}"
    )


@dataclass(frozen=True, slots=True)
class Looks:
    """Seconds of the operator's CPU for one, writes of all, and seconds of CPU of what it started for all."""

    cpu: float
    writes: int
    readers: float


def looked_at(world: World, operator: Operator, names: list[tuple[str, str]]) -> Looks:
    """Have each app looked at once more, of which nothing has changed."""
    assert world.audit_log is not None
    before = reconciliations(operator)
    at, cpu, readers = world.audit_log.stat().st_size, cpu_seconds(operator.pid), readers_seconds(operator.pid)
    touched = {"metadata": {"annotations": {"bench.example.com/touched": str(before)}}}
    with ThreadPoolExecutor(8) as pool:
        secret = "/api/v1/namespaces/{}/secrets/license-{}"
        list(pool.map(lambda n: world.api.merge(secret.format(n[1], n[0]), touched), names))
    until(lambda: reconciliations(operator) - before >= len(names), "all are looked at", 900)
    spent = cpu_seconds(operator.pid) - cpu
    done = reconciliations(operator) - before
    return Looks(spent / done, writes(world, at), readers_seconds(operator.pid) - readers)


def reconciliations(operator: Operator) -> int:
    time.sleep(LOOK_SECONDS)  # printing metrics costs CPU, too
    lines = [line for line in operator.metrics().splitlines() if line.startswith("kotsapp_reconciliations_total{")]
    return int(sum(float(line.split()[-1]) for line in lines))


def changed_license(world: World, name: tuple[str, str], document: bytes) -> float:
    """Seconds from the new document to the pull secret made from it."""
    path = f"/api/v1/namespaces/{name[1]}/secrets"
    wanted = base64.b64encode(f"LICENSE_ID:{OTHER_ID}".encode()).decode()
    started = time.monotonic()
    world.api.merge(f"{path}/license-{name[0]}", {"data": license_secret(*name, document)["data"]})

    def held() -> bool:
        secret = world.api.get(f"{path}/{name[0]}-registry")
        return wanted in base64.b64decode(secret["data"][".dockerconfigjson"]).decode()

    until(held, "the pull secret holds the new license", 30)
    return time.monotonic() - started


def main() -> int:
    print(HEADS, flush=True)
    charts = "--charts" in sys.argv
    for number in [int(a) for a in sys.argv[1:] if a != "--charts"] or [100, 1000]:
        with tempfile.TemporaryDirectory(prefix="kotsapp-bench-") as folder:
            print(measure(number, Path(folder), charts), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
