"""Archives are unpacked in memory, within bounds, and hold nothing but files."""

from __future__ import annotations

import gzip
import tarfile
from typing import TYPE_CHECKING

import pytest

from harness.packing import member, pack
from kotsapp.manifests import limits
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import archives

if TYPE_CHECKING:
    pass


def refusal(data: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        archives.unpack(data, "Secret s, key release.tgz")
    message = str(caught.value)
    assert message.startswith("Secret s, key release.tgz: ")
    return message


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_files_come_in_the_order_of_their_paths(form: int) -> None:
    data = pack(
        {"./b.yaml": b"2", "dir/" + "n" * 90 + ".yaml": b"3", "a.yaml": b"1"}, member("dir", tarfile.DIRTYPE), form=form
    )
    assert [(file.path, file.data) for file in archives.unpack(data, "x")] == [
        ("a.yaml", b"1"),
        ("b.yaml", b"2"),
        ("dir/" + "n" * 90 + ".yaml", b"3"),
    ]


def test_what_macos_adds_is_left_out() -> None:
    data = pack({"a/._b.yaml": b"\x00", "a/.DS_Store": b"\x00", "a/b.yaml": b"1"})
    assert [file.path for file in archives.unpack(data, "x")] == ["a/b.yaml"]


def test_several_gzip_members_are_one_archive() -> None:
    tar = gzip.decompress(pack({"a.yaml": b"1" * 20_000}))
    data = gzip.compress(tar[:7_000]) + gzip.compress(tar[7_000:])
    assert [len(file.data) for file in archives.unpack(data, "x")] == [20_000]


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.yaml", "a/../../b.yaml", "..", "a\\..\\b", "a/.."])
def test_paths_that_lead_outside_are_refused(name: str) -> None:
    assert f"{name!r} leads outside the archive" in refusal(pack({name: b"x"}))


def test_a_name_that_cannot_be_printed_is_refused() -> None:
    assert refusal(pack({"a\n\x1b[2Jb.yaml": b"x"})).count("\n") == 0


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "neither a file nor a folder"),
        (tarfile.BLKTYPE, "neither a file nor a folder"),
        (tarfile.FIFOTYPE, "neither a file nor a folder"),
    ],
)
def test_only_files_are_taken(kind: bytes, what: str) -> None:
    assert f"'x' is {what}" in refusal(pack({"a.yaml": b"1"}, member("x", kind, "a.yaml")))


def test_a_sparse_file_is_refused() -> None:
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99999999999"}
    assert refusal(pack({}, info))


def test_of_a_path_given_twice_the_last_one_counts_as_for_helm() -> None:
    data = pack({"a.yaml": b"first"}, member("./a.yaml", tarfile.REGTYPE))
    assert [(file.path, file.data) for file in archives.unpack(data, "it")] == [("a.yaml", b"")]


def test_too_many_files_are_refused() -> None:
    files = {f"{n}.yaml": b"" for n in range(limits.MAX_ARCHIVE_FILES + 1)}
    assert f"has more than {limits.MAX_ARCHIVE_FILES} files" in refusal(pack(files))


@pytest.mark.parametrize("files", [1, 10])
def test_a_bomb_is_refused(files: int) -> None:
    zeros = bytes(limits.MAX_ARCHIVE_BYTES // files + 1024)
    data = pack({str(n): zeros for n in range(files)})
    assert len(data) < len(zeros)
    assert "unpacks to more than 64 MiB" in refusal(data)


def test_a_bomb_in_a_header_is_refused() -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * (limits.MAX_ARCHIVE_BYTES + 1024)}
    assert "unpacks to more than 64 MiB" in refusal(pack({}, info))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1f\x8b",
        b"not gzip at all",
        gzip.compress(b"not tar at all" * 100),
        pack({"a.yaml": b"1" * 5000})[:-40],
        gzip.compress(gzip.decompress(pack({"a.yaml": b"1" * 5000}))[:2000]),
        pack({"a.yaml": b"1"})[:-8] + b"\0" * 8,
        gzip.compress(gzip.decompress(pack({"a.yaml": b"1"})) + bytes(200_000))[:-8] + b"\0" * 8,
    ],
    ids=["empty", "magic", "text", "no tar", "cut", "cut tar", "wrong checksum", "wrong checksum, far behind"],
)
def test_damaged_archives_are_refused(data: bytes) -> None:
    assert "is not a gzipped tar archive, or a damaged one" in refusal(data)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.tgz", b"", True),
        ("A.TAR.GZ", b"", True),
        ("release", b"\x1f\x8b\x08", True),
        ("a.yaml", b"a: 1", False),
        ("tgz", b"a: 1", False),
    ],
)
def test_archives_are_known_by_ending_or_content(name: str, data: bytes, expected: bool) -> None:
    assert archives.is_archive(name, data) is expected
