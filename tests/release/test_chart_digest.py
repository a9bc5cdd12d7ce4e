"""What a packed chart is known by, and whether it may ask the cluster."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from harness.charts import pack_chart
from kotsapp.manifests.errors import Place
from kotsapp.release import archives, charts
from kotsapp.release.charts import ChartArchive, ChartRequest


def archive_of(template: str, *, inside: str = "", version: str = "1.0.0", hour: int = 0) -> ChartArchive:
    """The chart as it is read; ``inside`` is a template of its packed subchart, ``hour`` when it was packed."""
    inner = pack_chart("inner", {"templates/a.yaml": inside})
    target = io.BytesIO()
    files = {
        "demo/Chart.yaml": f"name: demo\nversion: {version}\napiVersion: v2\n".encode(),
        "demo/templates/a.yaml": template.encode(),
        "demo/README.md": b"what it can lookup",
        "demo/charts/inner-1.0.0.tgz": gzip.compress(gzip.decompress(inner), mtime=hour * 3600),
    }
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime = len(data), hour * 3600
            archive.addfile(info, io.BytesIO(data))
    data = gzip.compress(target.getvalue(), mtime=hour * 3600)
    found = charts.read_archive(archives.unpack(data, "demo.tgz"), data, "demo.tgz")
    assert found is not None
    return found


def test_a_chart_that_is_packed_anew_is_the_same_chart() -> None:
    first, again = archive_of("a"), archive_of("a", hour=1)

    assert first.data != again.data
    assert first.digest == again.digest
    others = (archive_of("b"), archive_of("a", inside="b"), archive_of("a", version="1.1.0"))
    assert len({first.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize(
    ("chart", "asks"),
    [
        (archive_of("{{ lookup `v1` `Secret` `` `` }}"), True),
        (archive_of("", inside="{{ (lookup `v1` `Secret` `` ``).items }}"), True),
        (archive_of("{{ .Values.dnsLookups }}"), False),
    ],
    ids=["its own", "of a packed subchart", "no word of its own"],
)
def test_a_chart_that_may_ask_the_cluster_is_told(chart: ChartArchive, asks: bool) -> None:
    assert chart.looks_up == asks
    assert ChartRequest(chart, "rel", "", {}, Place("x")).looks_up == asks
    assert ChartRequest(chart, "rel", "", {"tpl": "{{ lookup }}"}, Place("x")).looks_up
