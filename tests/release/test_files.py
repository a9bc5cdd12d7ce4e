"""A release's content, however it is packed."""

from __future__ import annotations

import gzip

import pytest

from harness.charts import pack_chart
from harness.packing import pack
from kotsapp.release.budget import for_command_line
from kotsapp.release.files import SourceFile, content_digest, expand

MANIFEST, OTHER = b"kind: ConfigMap\n", b"kind: Secret\n"
CHART = pack_chart("db", {"templates/all.yaml": "a: 1\n"})
RELEASE = pack({"a.yaml": MANIFEST, "db.tgz": CHART})


def repacked(data: bytes) -> bytes:
    """Other bytes, which hold the same."""
    made = gzip.compress(gzip.decompress(data), compresslevel=1, mtime=12345)
    assert made != data
    return made


def digest(*files: tuple[str, bytes], origin: str = "ConfigMap m") -> str:
    sources = [SourceFile(f"{origin}, key {name}", name, data) for name, data in files]
    return content_digest(*expand(sources, for_command_line()))


def test_what_holds_the_same_is_the_same() -> None:
    plain = digest(("r.tgz", RELEASE))

    assert digest(("r.tgz", repacked(RELEASE))) == plain, "packed anew"
    assert digest(("r.tgz", pack({"db.tgz": repacked(CHART), "a.yaml": MANIFEST}))) == plain, "with its chart"
    assert digest(("r.tgz.00", RELEASE[:70]), ("r.tgz.01", RELEASE[70:])) == plain, "in parts"
    assert digest(("r.tgz", RELEASE), origin="ConfigMap m-5f7gk2") == plain, "in an object of another name"


@pytest.mark.parametrize(
    "other",
    [
        pack({"a.yaml": OTHER, "db.tgz": CHART}),
        pack({"b.yaml": MANIFEST, "db.tgz": CHART}),
        pack({"a.yaml": MANIFEST}),
        pack({"a.yaml": MANIFEST, "db.tgz": pack_chart("db", {"templates/all.yaml": "a: 2\n"})}),
        pack({"a.yaml": MANIFEST, "db.tgz": pack_chart("db", {"templates/all.yaml": "a: 1\n"}, "1.0.1")}),
    ],
)
def test_what_holds_something_else_is_another(other: bytes) -> None:
    assert digest(("r.tgz", other)) != digest(("r.tgz", RELEASE))


def test_texts_dont_run_into_each_other() -> None:
    assert digest(("a.yaml", b"xy"), ("b.yaml", b"")) != digest(("a.yaml", b"x"), ("b.yaml", b"y"))
    assert digest(("a.yaml", b"x"), ("b.yaml", b"y")) != digest(("b.yaml", b"y"), ("a.yaml", b"x"))
