"""``kotsapp render`` against ``kubectl kustomize``: the same objects, images and pull secrets, YAML in and YAML out.

Both are measured as whole processes, from start to exit, by the kernel's accounting. kustomize gets what KOTS gives
it, one ``images:`` entry for each repository and one pull-secret patch for each workload, in the faster of the two
forms that it knows (``patches``; the deprecated ``patchesStrategicMerge`` is ten times slower). Before anything is
measured, both outputs are compared. What a Helm chart adds is measured apart, against ``helm template`` alone.

    PYTHONPATH=operator python bench/render.py [--objects 1000] [--images 100] [--runs 5] [--kubectl-runs 3]
        [--grow 5000] [--helm PROGRAM]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kotsapp.images.finder import find_images
from kotsapp.license import TrustedKeys
from kotsapp.license import load as load_license
from kotsapp.license.signing import SigningKeys, sign
from kotsapp.manifests.documents import load
from kotsapp.release.reader import SourceFile
from kotsapp.release.renderer import Renderer

EXAMPLE = Path(__file__).parent.parent / "examples" / "chart"
SLUG = "my-kots-app"
SECRET = f"{SLUG}-registry"
LICENSE = f"""
apiVersion: kots.io/v1beta2
kind: License
metadata: {{name: bench}}
spec:
  licenseID: bench-license-id
  appSlug: {SLUG}
  customerName: Bench
  channelName: Stable
  licenseType: dev
  licenseSequence: 1
  endpoint: https://vendor.invalid
  entitlements: {{}}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """One process: seconds from start to exit, seconds of CPU, and the most memory in use, in MiB."""

    elapsed: float
    cpu: float
    memory: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kubectl-runs", type=int, default=3, help="0 leaves kubectl out")
    parser.add_argument("--helm", help="the helm program (default: the one on PATH)")
    parser.add_argument("--grow", type=int, nargs="*", default=[5000], help="further sizes, without kubectl")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-render-") as name:
        folder = Path(name)
        _write_license(folder)
        app = _written(folder, args.objects, args.images)
        command = _render(folder, app)
        _run(command)
        ours, theirs = [_run(command) for _ in range(args.runs)], []
        if args.kubectl_runs:
            _compare(load(_output(command), "ours"), load(_output(_kustomize(app)), "theirs"))
        for _ in range(args.kubectl_runs):
            # In turns, so that whatever else the machine does meets both.
            theirs.append(_run(_kustomize(app)))
            ours.extend(_run(command) for _ in range(args.runs))
        _print(f"kotsapp render, {args.objects} Deployments", ours)
        if theirs:
            _print(f"kubectl kustomize, {args.objects} Deployments", theirs)
            faster, less, smaller = (_ratio(theirs, ours, field) for field in ("elapsed", "cpu", "memory"))
            print(
                f"kotsapp render: {faster:.1f} times faster, {less:.1f} times less CPU, {smaller:.1f} times less memory"
            )
        for size in args.grow:
            command = _render(folder, _written(folder, size, args.images))
            grown = _measured(f"kotsapp render, {size} Deployments", command, max(args.runs // 2, 1))
            ratio = _ratio(grown, ours, "elapsed")
            print(f"{size / args.objects:g} times the objects took {ratio:.2f} times as long")
        _measure_chart(folder, args.helm, args.runs)
        _measure_calls(folder, args.helm, args.runs)
    return 0


def _measure_chart(folder: Path, program: str | None, runs: int) -> None:
    helm = shutil.which(program or "helm")
    if helm is None:
        print("the cost of a chart was not measured: there is no helm on PATH, and --helm names none")
        return
    release = folder / "release"
    release.mkdir()
    shutil.copy(EXAMPLE / "helmchart.yaml", release)
    with tarfile.open(release / "my-shop.tgz", "w:gz") as archive:
        archive.add(EXAMPLE / "my-shop", "my-shop")
    _measured("helm template, the example chart", [helm, "template", "shop", str(release / "my-shop.tgz")], runs)
    _measured("kotsapp render, the example chart", [*_render(folder, release), f"--helm={helm}"], runs)


FILES, CALLS, ITEMS = 40, 5, 20


def _measure_calls(folder: Path, program: str | None, runs: int) -> None:
    """A release with template calls in every file and a Config, against a chart that says the same to helm alone."""
    helm = shutil.which(program or "helm")
    if helm is None:
        return
    release, chart = folder / "calls", folder / "chart-of-the-same-size"
    release.mkdir()
    (chart / "templates").mkdir(parents=True)
    items = [{"name": f"item{n}", "type": "text", "default": f"value {n}"} for n in range(1, ITEMS)]
    items.append({"name": "item0", "type": "password", "hidden": True, "value": "{{repl RandomString 20 }}"})
    spec = {"groups": [{"name": "group", "title": "Group", "items": items}]}
    _dump(release / "config.yaml", {"apiVersion": "kots.io/v1beta1", "kind": "Config", "spec": spec})
    _dump(chart / "Chart.yaml", {"apiVersion": "v2", "name": "same", "version": "1.0.0"})
    _dump(chart / "values.yaml", {item["name"]: item.get("default", "x" * 20) for item in items})
    for number in range(FILES):
        text = yaml.dump(_deployment(number, 10), Dumper=yaml.CSafeDumper) + "  annotations:\n"
        names = [f"item{(number + call) % ITEMS}" for call in range(CALLS)]
        ours = [f"    a{n}: {{{{repl ConfigOption `{name}` | quote }}}}\n" for n, name in enumerate(names)]
        theirs = [f"    a{n}: {{{{ .Values.{name} | quote }}}}\n" for n, name in enumerate(names)]
        text = text.replace("metadata:\n", "metadata:\n  annotations:\nCALLS", 1).removesuffix("  annotations:\n")
        (release / f"{number}.yaml").write_text(text.replace("CALLS", "".join(ours)))
        (chart / "templates" / f"{number}.yaml").write_text(text.replace("CALLS", "".join(theirs)))
    title = f"{FILES * CALLS} calls in {FILES} files"
    modules = "kotsapp.cli.render, kotsapp.cli.rendering, kotsapp.release.template_engine"
    commands = {
        f"helm template, {title}": [helm, "template", "same", str(chart)],
        f"kotsapp render, {title} and a Config": [*_render(folder, release), f"--helm={helm}"],
        "python, starting and loading what that takes": [sys.executable, "-c", f"import {modules}"],
    }
    alone, whole, loaded = _in_turns(commands, runs)
    warm = _warm(folder, release, helm, runs)
    print(f"the same release, read in a warm process as the operator's readers are: {warm:.3f} s, median of {runs}")
    times = _ratio(whole, alone, "elapsed"), _ratio(loaded, alone, "elapsed"), warm / _median(alone, "elapsed")
    print("as multiples of helm template: kotsapp render {:.2f}, its loading {:.2f}, warm {:.2f}".format(*times))
    print(f"in CPU: kotsapp render {_ratio(whole, alone, 'cpu'):.2f}, its loading {_ratio(loaded, alone, 'cpu'):.2f}")


def _warm(folder: Path, release: Path, helm: str, runs: int) -> float:
    """Seconds for reading the release, calls filled in by helm, in a process in which everything is loaded."""
    license = load_license((folder / "license.yaml").read_bytes(), TrustedKeys.load(str(folder / "keys")))
    renderer = Renderer(license, SECRET, "apps", helm=helm)
    files = [SourceFile(str(path), path.name, path.read_bytes()) for path in sorted(release.iterdir())]
    renderer.read(files)
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        renderer.read(files)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _in_turns(commands: Mapping[str, Sequence[str]], runs: int) -> list[list[Cost]]:
    """Run commands by their titles in turns, so that whatever else the machine does meets all, and print the costs."""
    for command in commands.values():
        _run(command)
    rounds = [[_run(command) for command in commands.values()] for _ in range(runs)]
    costs = [list(column) for column in zip(*rounds, strict=True)]
    for title, one in zip(commands, costs, strict=True):
        _print(title, one)
    return costs


def _measured(title: str, command: Sequence[str], runs: int) -> list[Cost]:
    """Run a command, once to warm up, and print what it costs."""
    return _in_turns({title: command}, runs)[0]


def _print(title: str, costs: Sequence[Cost]) -> None:
    times = sorted(cost.elapsed for cost in costs)
    shown = [
        f"{_median(costs, 'elapsed'):.3f} s ({times[0]:.3f} to {times[-1]:.3f})",
        f"CPU {_median(costs, 'cpu'):.3f} s",
        f"{_median(costs, 'memory'):.0f} MiB",
        f"median of {len(costs)}",
    ]
    print(f"{title}: {', '.join(shown)}", flush=True)


def _deployment(index: int, images: int) -> dict[str, Any]:
    name = f"app-{index:05}"
    main = {
        "name": "main",
        "image": f"quay.io/my-org/service-{index % images}:v1.{index % 7}",
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "WORKERS", "value": "4"}],
        "resources": {"limits": {"cpu": "500m", "memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10},
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [main]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
    metadata = {"name": name, "namespace": "apps", "labels": {"app": name, "tier": "backend"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _written(folder: Path, objects: int, images: int) -> Path:
    """The folder of the manifests; beside it ``overlays/midstream``, which KOTS would write for them."""
    base = folder / str(objects) / "base"
    midstream = folder / str(objects) / "overlays" / "midstream"
    base.mkdir(parents=True)
    midstream.mkdir(parents=True)
    deployments = [_deployment(index, images) for index in range(objects)]
    _dump(base / "app.yaml", *deployments)
    _dump(base / "kustomization.yaml", {"resources": ["app.yaml"]})
    patch = {"spec": {"template": {"spec": {"imagePullSecrets": [{"name": SECRET}]}}}}
    keys = ("apiVersion", "kind")
    _dump(
        midstream / "pullsecrets.yaml",
        *(
            {key: obj[key] for key in keys}
            | {"metadata": {"name": obj["metadata"]["name"], "namespace": "apps"}}
            | patch
            for obj in deployments
        ),
    )
    repositories = [f"quay.io/my-org/service-{index}" for index in range(images)]
    entries = [{"name": name, "newName": f"proxy.replicated.com/proxy/{SLUG}/{name}"} for name in repositories]
    patches = [{"path": "pullsecrets.yaml"}]
    _dump(midstream / "kustomization.yaml", {"resources": ["../../base"], "images": entries, "patches": patches})
    return base / "app.yaml"


def _dump(path: Path, *objects: Any) -> None:
    path.write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper))


def _write_license(folder: Path) -> None:
    keys = SigningKeys.generate()
    (folder / "keys").mkdir()
    (folder / "keys" / f"{keys.key_id}.pem").write_bytes(keys.trusted_pem)
    (folder / "license.yaml").write_bytes(sign(LICENSE.encode(), keys))


def _render(folder: Path, manifests: Path) -> list[str]:
    license = ["--license", str(folder / "license.yaml"), "--trusted-keys", str(folder / "keys")]
    return [sys.executable, "-m", "kotsapp", "render", "-f", str(manifests), *license, "--assume=private"]


def _kustomize(manifests: Path) -> list[str]:
    beside = Path(sys.executable).with_name("kubectl")
    kubectl = str(beside) if beside.exists() else shutil.which("kubectl")
    if kubectl is None:
        sys.exit("kubectl is missing: it comes with the development requirements")
    return [kubectl, "kustomize", str(manifests.parent.parent / "overlays" / "midstream")]


def _environment() -> dict[str, str]:
    """As an installed program runs: from byte code, which pip writes when it installs."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    source = str(Path(__file__).parent.parent / "operator")
    cache = str(Path(tempfile.gettempdir()) / "bench-render-bytecode")
    return environment | {"PYTHONPATH": source, "PYTHONPYCACHEPREFIX": cache}


def _output(command: Sequence[str]) -> bytes:
    return subprocess.run(command, env=_environment(), capture_output=True, check=True).stdout


def _run(command: Sequence[str]) -> Cost:
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=_environment(), stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with code {process.returncode}")
    return Cost(elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _compare(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Images and pull secrets of every Deployment are the same, and so is everything else but our annotation."""
    rendered = {obj["metadata"]["name"]: obj for obj in ours if obj["kind"] == "Deployment"}
    if len(rendered) != len(theirs):
        sys.exit(f"{len(rendered)} Deployments rendered, {len(theirs)} by kubectl")
    for obj in theirs:
        own = rendered[obj["metadata"]["name"]]
        own["metadata"].pop("annotations")
        if own != obj:
            sys.exit(f"{obj['metadata']['name']} differs: {find_images(own)} and {find_images(obj)}")
    print(f"compared: {len(theirs)} Deployments, the same images, pull secrets and everything else")


def _median(costs: Sequence[Cost], field: str) -> float:
    return float(statistics.median(getattr(cost, field) for cost in costs))


def _ratio(theirs: Sequence[Cost], ours: Sequence[Cost], field: str) -> float:
    return _median(theirs, field) / _median(ours, field)


if __name__ == "__main__":
    sys.exit(main())
