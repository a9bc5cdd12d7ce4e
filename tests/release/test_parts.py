"""An archive that was cut into parts is read as the one that it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from harness.charts import pack_chart
from harness.packing import pack
from kotsapp.cli.files import source_files
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import parts
from kotsapp.release.budget import for_operator
from kotsapp.release.files import SourceFile, expand
from kotsapp.release.reader import read_release

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_MAP = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n"
RELEASE = pack({"a.yaml": CONFIG_MAP, "b.txt": bytes(range(256)) * 40})


def cut(
    data: bytes, pieces: int, name: str = "release.tgz", objects: int = 1, kind: str = "ConfigMap"
) -> list[SourceFile]:
    """Parts as ``split -d`` names them, over so many objects in turn."""
    size = -(-len(data) // pieces)
    return [
        SourceFile(
            f"ConfigMap r{number % objects}, key {name}.{number:02}",
            f"{name}.{number:02}",
            data[number * size : (number + 1) * size],
        )
        for number in range(pieces)
    ]


def refusal(files: list[SourceFile]) -> str:
    with pytest.raises(ManifestError) as caught:
        read_release(files)
    return str(caught.value)


@pytest.mark.parametrize("pieces", [1, 2, 3, 12])
@pytest.mark.parametrize("objects", [1, 3])
def test_parts_are_read_as_the_archive_that_they_were(pieces: int, objects: int) -> None:
    release = read_release(cut(RELEASE, pieces, objects=objects))
    assert [obj["metadata"]["name"] for obj in release.objects] == ["shop"]


def test_parts_are_joined_by_number_in_whatever_order_they_come() -> None:
    release = read_release(list(reversed(cut(RELEASE, 12))))
    assert len(release.objects) == 1


@pytest.mark.parametrize("name", ["shop-1.0.0.tgz", "shop.tar.gz", "SHOP.TGZ", "in/a/folder.tgz"])
def test_a_chart_may_come_in_parts_too(name: str) -> None:
    files = cut(pack_chart("shop", {"templates/a.yaml": "a: b"}), 3, name)
    assert [(chart.name, chart.version) for chart in expand(files, for_operator())[1]] == [("shop", "1.0.0")]


def test_two_archives_in_parts_are_told_apart_and_keep_their_places() -> None:
    other = pack({"z.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"})
    first, second = cut(RELEASE, 2), cut(other, 2, "other.tgz")
    plain = SourceFile("ConfigMap p, key p.yaml", "p.yaml", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p}\n")
    release = read_release([second[0], plain, first[0], second[1], first[1]])
    assert [obj["metadata"]["name"] for obj in release.objects] == ["other", "p", "shop"]


@pytest.mark.parametrize(
    ("left_out", "reported"),
    [
        ({0}, "release.tgz.00 is missing"),
        ({1}, "release.tgz.01 is missing"),
        ({1, 3}, "release.tgz.01, release.tgz.03 are missing"),
        (
            set(range(7)),
            "release.tgz.00, release.tgz.01, release.tgz.02, release.tgz.03, release.tgz.04 and 2 more are",
        ),
    ],
)
def test_missing_parts_are_named(left_out: set[int], reported: str) -> None:
    files = [file for number, file in enumerate(cut(RELEASE, 8)) if number not in left_out]
    message = refusal(files)
    assert reported in message
    assert message.startswith("ConfigMap r0, key release.tgz.07: ")


def test_of_a_missing_last_part_it_is_told_how_many_there_are() -> None:
    message = refusal(cut(RELEASE, 4)[:3])
    assert message.startswith(
        "ConfigMap r0, key release.tgz.02, one of 3 parts: is not a gzipped tar archive, or a damaged"
    )


def test_a_part_that_is_there_twice_is_refused_with_both_places() -> None:
    message = refusal([*cut(RELEASE, 2), SourceFile("Secret b, key release.tgz.01", "release.tgz.01", b"")])
    assert re.match(
        r"Secret b, key release.tgz.01: is part 01 of .*, which ConfigMap r0, key release.tgz.01 is", message
    )


def test_what_is_wrong_with_an_archive_of_which_a_part_is_in_a_secret_is_told_of_the_secret() -> None:
    """Its messages are then told without quotes, wherever else parts of it are."""
    mixed = cut(RELEASE, 4)
    mixed[1] = SourceFile("Secret s, key release.tgz.01", "release.tgz.01", b"nonsense")
    assert refusal(mixed).startswith("Secret s, key release.tgz.01, one of 4 parts: ")


def test_there_are_not_more_parts_than_an_archive_needs() -> None:
    number = parts.MAX_PARTS
    assert f"at most {number} are joined" in refusal([SourceFile("a", f"r.tgz.{number}", b"\x1f\x8b")])


@pytest.mark.parametrize(
    "name", ["release.tgz.1", "release.tgz.00.yaml", "release.yaml.00", ".tgz.00", "release.tgz.0000"]
)
def test_other_names_are_no_parts(name: str) -> None:
    assert not parts.is_part(name)


def test_a_folder_with_an_archive_in_parts_is_read_from_the_command_line(tmp_path: Path) -> None:
    for file in cut(RELEASE, 3):
        (tmp_path / file.name).write_bytes(file.data)
    assert [file.name for file in source_files([str(tmp_path)])] == [f"release.tgz.{n:02}" for n in range(3)]
    assert len(read_release(source_files([str(tmp_path)])).objects) == 1
