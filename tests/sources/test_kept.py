"""What was fetched, as Secrets and back."""

import base64
import gzip
import os
from dataclasses import replace
from typing import Any

import pytest

from kotsapp.sources import kept
from kotsapp.sources.artifact import Artifact, digest_of
from kotsapp.sources.kept import KeptSourceError

METADATA = {"namespace": "apps", "ownerReferences": [{"uid": "1"}]}


def artifact(content: bytes = b"content") -> Artifact:
    return Artifact("1.0@x", digest_of(content), content, "release.tar.gz", {"channelSequence": "1"})


def stored(one: Artifact) -> tuple[kept.Entry, dict[str, Any]]:
    entry, packed = kept.pack(one, "opener")
    return entry, {s["metadata"]["name"]: s for s in kept.part_secrets("my-app", entry, packed, METADATA)}


@pytest.mark.parametrize("size", [1, 700 * 1024, 700 * 1024 + 1, 2_500_000])
def test_it_comes_back_whole_and_in_parts_that_a_secret_takes(size: int) -> None:
    one = artifact(os.urandom(size))
    entry, secrets = stored(one)

    assert kept.read_content("my-app", entry, secrets) == one
    for secret in secrets.values():
        assert len(base64.b64decode(secret["data"]["content"])) <= 1024 * 1024
        assert secret["metadata"]["ownerReferences"] == METADATA["ownerReferences"]


def test_what_is_kept_is_told_by_one_secret() -> None:
    entry, _ = stored(artifact())
    index = kept.index_secret("my-app", {"channelRelease": entry}, METADATA)

    assert kept.read_index(index) == {"channelRelease": entry}
    assert index["type"] == "kotsapp.dev/sources.v1"


def test_a_part_that_is_missing_or_was_changed_is_found() -> None:
    entry, secrets = stored(artifact(os.urandom(1_500_000)))
    first, *_, last = secrets

    with pytest.raises(KeptSourceError, match="is missing"):
        kept.read_content("my-app", entry, {first: secrets[first]})
    for content in (b"other", gzip.compress(b"other")[:10] + b"\xff" * 10):
        other = {**secrets[first], "data": {"content": base64.b64encode(content).decode()}}
        with pytest.raises(KeptSourceError, match="changed by somebody else"):
            kept.read_content("my-app", entry, {**secrets, first: other})
    other = {**secrets[last], "data": {"content": base64.b64encode(b"other").decode()}}
    with pytest.raises(KeptSourceError, match="changed by somebody else"):
        kept.read_content("my-app", entry, {**secrets, last: other})


def test_a_part_that_unpacks_to_more_than_it_says_is_refused() -> None:
    entry, _ = stored(artifact())
    _, bomb = stored(artifact(bytes(50_000_000)))
    name = kept.part_names("my-app", entry)[0]

    with pytest.raises(KeptSourceError, match="changed by somebody else"):
        kept.read_content("my-app", entry, {name: next(iter(bomb.values()))})


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "sources": {"a": {}}}',
        b'{"format": 2, "sources": {}}',
    ],
)
def test_an_index_that_somebody_else_wrote_is_refused(index: bytes) -> None:
    secret = {"metadata": {"name": "my-app.sources"}, "data": {"index": base64.b64encode(index).decode()}}

    with pytest.raises(KeptSourceError, match=r"of another version|changed by somebody else"):
        kept.read_index(secret)


@pytest.mark.parametrize("parts", [0, -1, 10_000])
def test_no_index_makes_it_read_any_number_of_secrets(parts: int) -> None:
    entry = kept.Entry("1", digest_of(b""), "a.tgz", 1, parts, "opener")
    index = kept.index_secret("my-app", {"a": entry}, METADATA)

    with pytest.raises(KeptSourceError, match="changed by somebody else"):
        kept.read_index(index)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../../../x", "sha256:" + "A" * 64, "md5:" + "a" * 32])
def test_an_index_whose_digest_is_none_is_refused_before_it_is_a_name_of_secrets(digest: str) -> None:
    entry, _ = stored(artifact())
    index = kept.index_secret("my-app", {"channelRelease": replace(entry, digest=digest)}, METADATA)

    with pytest.raises(KeptSourceError, match="changed by somebody else"):
        kept.read_index(index)
