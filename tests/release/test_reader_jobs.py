"""Releases read in a child: what comes out is what is read here, and hostile ones cost the operator nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from harness.charts import EXAMPLE, helm, pack_chart, pack_folder
from harness.licensed import license_document, write
from harness.packing import pack
from harness.running import ROOT
from kotsapp.fair_queue import Tenant
from kotsapp.license import Policy, TrustedKeys, load
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import jobs, store
from kotsapp.release.config_result import ConfigIncompleteError
from kotsapp.release.errors import HelmError
from kotsapp.release.files import SourceFile
from kotsapp.release.filling import Drawn
from kotsapp.release.helm import Cluster
from kotsapp.release.jobs import ChartInputs, Inputs
from kotsapp.release.process import Job, Reader, ReaderDiedError
from kotsapp.release.reader import Release
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import Packed, StoredRelease, StoredReleaseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="readers are forked on Linux alone")

MIB = 1024 * 1024
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
HELM_CHART = """apiVersion: kots.io/v1beta1
kind: HelmChart
metadata: {name: demo}
spec:
  chart: {name: demo, chartVersion: 1.0.0, releaseName: rel}
"""


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reader]:
    with tempfile.TemporaryDirectory() as base:
        reader = Reader("kotsapp.release.jobs", (str(helm()),), base=Path(base))
        yield reader
        await reader.close()


def renderer() -> Renderer:
    return Renderer(None, "pull", "apps", helm=str(helm()))


def with_license() -> Renderer:
    license = load(write(license_document()), TrustedKeys({}), Policy.WARN)
    return Renderer(license, "pull", "apps", helm=str(helm()))


def files(**texts: bytes | str) -> tuple[SourceFile, ...]:
    ending = {"archive": "tgz", "chart": "tgz", "json": "json"}
    named = ((f"{name}.{ending.get(name, 'yaml')}", text) for name, text in texts.items())
    return tuple(SourceFile(f"ConfigMap m, key {n}", n, t.encode() if isinstance(t, str) else t) for n, t in named)


async def render(reader: Reader, sources: tuple[SourceFile, ...], cluster: Cluster | None = None) -> Release:
    charts = None if cluster is None else ChartInputs(cluster)
    job = Job("render", (Inputs(renderer(), sources), charts), Release)
    return await reader.run(job, tenant=Tenant("apps"), fingerprint="f")


async def test_a_release_is_read_as_it_is_read_here(reader: Reader) -> None:
    documents = [
        "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: a}\nspec: {additionalImages: [busybox]}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {n: [1, 2.5, null, é, '\U0001f600']}\n",
        CONFIG_MAP,
    ]
    sources = files(a="---\n".join(documents))
    here = jobs.render(Inputs(renderer(), sources))
    assert await render(reader, sources) == here
    assert len(here.objects) == 2
    assert here.reported_images


async def test_an_answer_is_weighed_before_it_is_looked_into(reader: Reader) -> None:
    weighed: list[int] = []

    def refuse(amount: int) -> None:
        weighed.append(amount)
        raise OverflowError

    job = Job("render", (Inputs(renderer(), files(a=f"{CONFIG_MAP}data: {{a: {'x' * MIB}}}")), None), Release)
    with pytest.raises(OverflowError):
        await reader.run(job, tenant=Tenant("a"), fingerprint="f", weigh=refuse)
    release = await reader.run(job, tenant=Tenant("a"), fingerprint="f")

    assert MIB < weighed[0] < 2 * MIB
    assert len(release.objects) == 1, "the reader goes on"


async def test_charts_are_named_first_and_rendered_with_what_the_cluster_is(reader: Reader) -> None:
    template = f"{CONFIG_MAP}data: {{version: {{{{ .Capabilities.KubeVersion.Version }}}}}}\n"
    sources = files(a=HELM_CHART, chart=pack_chart("demo", {"templates/a.yaml": template}))
    named = await render(reader, sources)
    assert [str(request) for request in named.charts] == ["chart demo 1.0.0 (release rel)"]
    assert named.objects == ()
    release = await render(reader, sources, Cluster("v1.31.4"))
    assert release.charts == named.charts
    assert release.objects[0]["data"] == {"version": "v1.31.4"}


async def test_the_largest_archive_in_parts_is_read_within_the_bounds_of_a_reader(reader: Reader) -> None:
    """A chart of nearly all that an app may bring, which nothing makes smaller."""
    template = f"{CONFIG_MAP}data: {{n: '{{{{ len (.Files.Get \"filling\") }}}}'}}\n"
    filling = random.Random(1).randbytes(14 * MIB)
    members = {"Chart.yaml": b"apiVersion: v2\nname: demo\nversion: 1.0.0\n", "templates/a.yaml": template.encode()}
    chart = pack({f"demo/{path}": data for path, data in {**members, "filling": filling}.items()})
    pieces = [chart[at : at + MIB] for at in range(0, len(chart), MIB)]
    parts = [SourceFile("Secret big", f"demo.tgz.{number:02}", data) for number, data in enumerate(pieces)]
    release = await render(reader, (*files(a=HELM_CHART), *parts))
    assert [str(request) for request in release.charts] == ["chart demo 1.0.0 (release rel)"]


async def test_what_the_config_lacks_comes_out_with_its_items(reader: Reader) -> None:
    config = (
        "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec:\n  groups:\n  - name: g\n    items:\n"
        "    - {name: host, title: The host, type: text, required: true}\n"
    )
    inputs = Inputs(with_license(), files(a=config, b=CONFIG_MAP))
    with pytest.raises(ConfigIncompleteError, match="host") as caught:
        await reader.run(Job("render", (inputs,), Release), tenant=Tenant("apps"), fingerprint="f")
    assert [problem.title for problem in caught.value.problems] == ["The host"]
    with pytest.raises(ConfigIncompleteError) as here:
        jobs.render(inputs)
    assert caught.value.result == here.value.result


async def test_a_fault_in_a_chart_is_told(reader: Reader) -> None:
    sources = files(a=HELM_CHART, chart=pack_chart("demo", {"templates/a.yaml": '{{ fail "no such thing" }}'}))
    with pytest.raises(HelmError, match=r"chart demo 1.0.0 \(release rel\): .*no such thing"):
        await render(reader, sources, Cluster())


def bomb(template: str) -> Callable[[], tuple[SourceFile, ...]]:
    return lambda: files(a=HELM_CHART, chart=pack_chart("demo", {"templates/a.yaml": template}))


def nested_archives() -> bytes:
    inner = pack_chart("sub", {"files/zeros": "\0" * (20 * MIB)})
    chart = pack(
        {"demo/Chart.yaml": b"apiVersion: v2\nname: demo\nversion: 1.0.0\n"}
        | dict.fromkeys((f"demo/charts/s{n}.tgz" for n in range(20)), inner)
    )
    return gzip.compress(gzip.decompress(chart))


def pods(count: int, images: int) -> str:
    spec = {"containers": [{"name": f"c{n}", "image": f"i{n}"} for n in range(images)]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod] * count})


ATTACKS: dict[str, Callable[[], tuple[SourceFile, ...]]] = {
    "escaped quotes": lambda: files(a='{"' + '\\"' * 60_000),
    "archives in archives": lambda: files(archive=nested_archives()),
    "archived YAML": lambda: files(
        archive=pack({f"{n}.yaml": (CONFIG_MAP + "data:\n" + "  k: {}\n" * 180_000).encode() for n in range(6)})
    ),
    "lines in one document": lambda: files(a=CONFIG_MAP + "a: b\n" * (3 * MIB)),
    "wide characters": lambda: files(a=CONFIG_MAP + "# \U0001f600" + "x" * (14 * MIB)),
    "objects in JSON": lambda: files(json='{"x": [' + "{}," * 2_000_000 + "{}]}"),
    "images": lambda: files(json=pods(1, 60_000)),
    "pods": lambda: files(json=pods(20_000, 1)),
    "a chart's memory": bomb("a: {{ len (until 500000000) }}"),
    "a chart's output": bomb('{{ range until 400 }}\n# {{ . }}: {{ repeat 100000 "x" }}{{ end }}'),
    "a chart's values": lambda: files(
        a=HELM_CHART + '  values: {a: "' + "\\x01" * 2_000_000 + '"}\n',
        chart=pack_chart("demo", {"templates/a.yaml": CONFIG_MAP}),
    ),
}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("name", ATTACKS)
async def test_hostile_sources_are_refused_and_cost_the_operator_nothing(reader: Reader, name: str) -> None:
    """Beside what they are themselves: the operator's memory does not grow, and others are read meanwhile."""
    sources = ATTACKS[name]()
    await reader.start()
    before = resident()
    attack = asyncio.create_task(render(reader, sources, Cluster()))
    job = Job("render", (Inputs(renderer(), files(a=CONFIG_MAP)),), Release)
    other = await reader.run(job, tenant=Tenant("other"), fingerprint="o")
    assert len(other.objects) == 1
    with pytest.raises((ManifestError, HelmError, ReaderDiedError)) as caught:
        await attack
    assert len(str(caught.value)) < 1000
    # The request is written once, and pickled.
    assert resident() - before < 16 * MIB + 3 * sum(len(file.data) for file in sources)


async def test_the_example_is_read_in_a_child(reader: Reader) -> None:
    sources = (
        SourceFile("helmchart.yaml", "helmchart.yaml", (EXAMPLE / "helmchart.yaml").read_bytes()),
        SourceFile("my-shop-1.4.0.tgz", "my-shop-1.4.0.tgz", pack_folder(EXAMPLE / "my-shop")),
    )
    job = Job("render", (Inputs(with_license(), sources), ChartInputs(Cluster())), Release)
    release = await reader.run(job, tenant=Tenant("apps"), fingerprint="f")
    assert len(release.objects) == 10


def _stored(document: object) -> Packed:
    """As whoever may write Secrets may put there."""
    return Packed(gzip.compress(json.dumps(document).encode()), "my-app.release.v3", 3)


@pytest.mark.asyncio
async def test_a_stored_release_comes_out_of_a_child_as_it_was_stored(reader: Reader) -> None:
    objects = tuple({"kind": "ConfigMap", "data": {"a": "x" * 50_000}} for _ in range(40))
    release = Release(objects, drawn=Drawn({"password": "hunter2"}), has_calls=True)
    there = StoredRelease(3, "inputs", "2026-01-01T00:00:00Z", release, {"f": "1"})
    packed = store.packed(store.secrets(there, "my-app", {"labels": {}}), "my-app", 3)

    assert await _read_stored(reader, packed) == there


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["lists", "other", "depth"])
async def test_what_was_put_in_the_place_of_a_stored_release_costs_the_operator_nothing(
    reader: Reader, what: str
) -> None:
    bombs = {"lists": [[]] * 5_000_000, "other": {"format": 1, "stored": {"revision": "x"}}, "depth": None}
    packed = _stored(bombs[what])
    if what == "depth":
        packed = replace(packed, content=gzip.compress(b"[" * 20_000_000))
    await reader.start()
    before = _held()

    with pytest.raises(StoredReleaseError if what != "lists" else ReaderDiedError):
        await _read_stored(reader, packed)

    assert _held() - before < 4 * MIB


async def _read_stored(reader: Reader, packed: Packed) -> StoredRelease:
    return await reader.run(Job("stored", (packed,), StoredRelease), tenant=Tenant("a"), fingerprint="stored")


def _held() -> int:
    """Resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_children_work_with_is_loaded_before_they_are_forked() -> None:
    """A license among a job's arguments, and template calls: each child would load what they take anew."""
    wanted = (
        "cryptography",
        "kotsapp.license.loading",
        "kotsapp.release.helm_process",
        "kotsapp.release.template_engine",
    )
    code = f"""
import sys
from kotsapp.release import jobs
jobs.warm_up()
print([name for name in {wanted} if name not in sys.modules])
"""
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
