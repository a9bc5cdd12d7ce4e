"""What an app may take is counted over all of its sources and everything nested in them, while it is read."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING

import pytest

from harness.charts import pack_chart
from harness.packing import pack
from kotsapp.manifests.budget import NODES, OBJECTS, TEXT
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import budget, helm_chart
from kotsapp.release.archives import unpack
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.reader import Release, SourceFile, read_release

if TYPE_CHECKING:
    from kotsapp.manifests.budget import Budget

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
MIB = 1024 * 1024


def files(*data: bytes | str, ending: str = "yaml") -> list[SourceFile]:
    texts = [each.encode() if isinstance(each, str) else each for each in data]
    return [SourceFile(f"ConfigMap m, key {n}.{ending}", f"{n}.{ending}", text) for n, text in enumerate(texts)]


def refusal(sources: list[SourceFile], allowed: Budget | None = None) -> str:
    with pytest.raises(ManifestError) as caught:
        read_release(sources, budget=budget.for_operator() if allowed is None else allowed)
    return str(caught.value)


def pod(*images: str) -> str:
    containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    )


def packed_subcharts(count: int, size: int) -> bytes:
    """A chart with packed subcharts that unpack to much."""
    inner = pack_chart("sub", {"files/zeros": "\0" * size})
    members = {f"demo/charts/s{n}.tgz": inner for n in range(count)}
    return pack({"demo/Chart.yaml": b"apiVersion: v2\nname: demo\nversion: 1.0.0\n", **members})


def test_archives_in_archives_share_one_budget() -> None:
    """Each of them alone is small enough."""
    data = gzip.compress(gzip.decompress(packed_subcharts(20, 20 * MIB)))
    assert len(data) < 64 * 1024
    began = time.thread_time()
    assert "unpacks to more than 32 MiB, counted over all that the app brings" in refusal(files(data, ending="tgz"))
    assert time.thread_time() - began < 5


def test_archives_beside_each_other_share_one_budget() -> None:
    one = pack({"a.txt": bytes(20 * MIB)})
    assert read_release(files(one, ending="tgz"), budget=budget.for_operator()).objects == ()
    assert "key 1.tgz: unpacks to more than 32 MiB" in refusal(files(one, one, ending="tgz"))


def test_files_of_all_archives_are_counted_together() -> None:
    one = pack({f"{n}.txt": b"" for n in range(1200)})
    assert "key 1.tgz: has more than 2000 files" in refusal(files(one, one, ending="tgz"))


def test_what_is_given_is_bounded_together() -> None:
    assert "key 2.yaml: is more than 16 MiB" in refusal(files(*["#" * (6 * MIB)] * 3))


def test_text_in_archives_counts_as_text() -> None:
    line = "# " + "x" * 1022 + "\n"
    one = pack({f"{n}.yaml": (line * 4096).encode() for n in range(5)})
    assert len(one) < 128 * 1024
    assert "makes more than 16 MiB of text" in refusal(files(one, ending="tgz"))


@pytest.mark.parametrize(
    "document",
    [
        f"{CONFIG_MAP}data:\n" + "  k: {" + "a: b, " * 70_000 + "}\n",
        f"{CONFIG_MAP}data:\n" + "".join(f"  k{n}: v\n" for n in range(70_000)),
        f"{CONFIG_MAP}x: [" + "[],{}," * 70_000 + "]\n",
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [], "x": list(range(140_000))}),
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [], "x": [{}] * 140_000}),
    ],
    ids=["flow", "block", "collections", "JSON", "JSON objects"],
)
def test_values_of_all_sources_are_counted_together(document: str) -> None:
    assert "has more than 400000 values, counted over all that the app brings" in refusal(files(*[document] * 6))


def test_json_is_counted_before_it_is_built() -> None:
    """A dashboard in a text is one value, whatever stands in it."""
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "[{,:" * 9}})
    allowed = budget.Budget({NODES: 20, OBJECTS: 5, TEXT: MIB})
    assert len(read_release(files(text), budget=allowed).objects) == 1
    assert allowed.left(NODES) > 0


def test_objects_are_counted_while_they_are_read() -> None:
    assert "has more than 4000 objects" in refusal(files("\n---\n".join([CONFIG_MAP] * 4001)))
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [json.loads(pod("a"))] * 4001})
    assert "has more than 4000 objects" in refusal(files(listed))
    assert len(read_release(files(*[CONFIG_MAP] * 4000), budget=budget.for_operator()).objects) == 4000


def test_distinct_images_are_counted() -> None:
    many = [f"example.com/i{n}" for n in range(1001)]
    assert "has more than 1000 images" in refusal(files(pod(*many)))
    assert "key 1.yaml, document 1, line 1: has more than 1000 images" in refusal(
        files(pod(*many[:600]), pod(*many[400:]))
    )
    assert len(read_release(files(pod(*["one"] * 20_000)), budget=budget.for_operator()).objects) == 1
    assert "names images at more than 20000 places" in refusal(files(pod(*["one"] * 20_001)))
    reported = "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nmetadata: {name: a}\nspec:\n  collectors:\n"
    assert "images" in refusal(files(reported + "".join(f"  - run: {{image: {image}}}\n" for image in many)))


def request_for() -> ChartRequest:
    archive = ChartArchive("demo", "1.0.0", "x", b"")
    return ChartRequest(archive, "rel", "", {}, ManifestError(Place("x"), "").place)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("\n---\n".join([CONFIG_MAP] * 4001), "has more than 4000 objects"),
        (f"{CONFIG_MAP}data: [" + "[]," * 400_000 + "]\n", "has more than 400000 values"),
        (pod(*[f"i{n}" for n in range(1001)]), "has more than 1000 images"),
        ("#" * (16 * MIB + 1), "makes more than 16 MiB of text"),
    ],
    ids=["objects", "values", "images", "text"],
)
def test_what_charts_make_counts_as_well(output: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem) as caught:
        with_charts(Release(), [(request_for(), output)], budget.for_operator())
    assert str(caught.value).startswith("chart demo 1.0.0 (release rel)")


def test_several_charts_share_one_budget() -> None:
    output = "\n---\n".join([CONFIG_MAP] * 1500)
    allowed = budget.for_operator()
    with pytest.raises(ManifestError, match="objects"):
        with_charts(Release(), [(request_for(), output)] * 3, allowed)


def test_many_items_that_are_merged_cost_what_they_are() -> None:
    """Not what they are merged into, for each of them."""
    values = {f"k{n}": n for n in range(50_000)}
    items = [{"when": "true", "recursiveMerge": True, "values": {"k0": n, "x": {f"y{n}": 1}}} for n in range(2_000)]
    obj = {"kind": "HelmChart", "metadata": {"name": "a"}, "spec": {"values": values, "optionalValues": items}}
    began = time.thread_time()
    merged = helm_chart.merged_values(obj, Place("x"))
    assert time.thread_time() - began < 2
    assert (merged["k0"], len(merged["x"]), values["k0"]) == (1999, 2000, 0)


def test_the_members_that_are_unpacked_are_those_that_were_counted() -> None:
    allowed = budget.for_operator()
    unpack(pack({"a": b"1" * 1000, "b": b""}), "x", allowed)
    assert allowed.left(budget.FILES) == 1998
    assert allowed.left(budget.UNPACKED) <= 32 * MIB - 1000
