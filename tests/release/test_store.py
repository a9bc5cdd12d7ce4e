"""A rendered release is stored whole, in parts that an API server takes, and read back only as it was written."""

import base64
import gzip
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kotsapp.release import kept_in_secrets, store
from kotsapp.release.reader import Release
from kotsapp.release.store import StoredRelease, StoredReleaseError
from kotsapp.release.upgrade import ChartRecord

METADATA = {"namespace": "apps", "labels": {}}


def stored(size: int = 10, revision: int = 3) -> StoredRelease:
    value = random.Random(1).randbytes(size).hex()
    objects = ({"kind": "ConfigMap", "data": {"a": value, "b": [1, 2.5, None, True, "é😀"]}},)
    release = Release(
        objects=objects, sources=("a.yaml",), reported_images={"busybox": ("Preflight/p",)}, has_calls=True
    )
    charts = (ChartRecord("/db/db", "digest", upgrade=True),)
    images = {"redis": "x/redis"}
    return StoredRelease(
        revision, "inputs", "2026-01-01T00:00:00Z", release, {"f": "1"}, images, "now", charts, "deployer"
    )


def secrets(size: int = 10) -> list[dict[str, Any]]:
    return store.secrets(stored(size), "my-app", METADATA)


def read(found: Sequence[dict[str, Any]], revision: int = 3) -> StoredRelease:
    return store.read(store.packed(found, "my-app", revision))


@pytest.mark.parametrize(("size", "parts"), [(10, 1), (2_000_000, 4)])
def test_what_is_stored_is_read_back(size: int, parts: int) -> None:
    made = secrets(size)

    assert len(made) == parts
    assert all(len(base64.b64decode(secret["data"]["release"])) <= kept_in_secrets.PART_BYTES for secret in made)
    assert made[-1]["metadata"]["name"] == "my-app.release.v3", "the first part is written last"
    assert read(made) == stored(size)


def test_a_release_that_was_stored_before_charts_had_records_is_read() -> None:
    [secret] = secrets()
    document = json.loads(gzip.decompress(base64.b64decode(secret["data"]["release"])))
    del document["stored"]["charts"], document["stored"]["looked_up_as"]
    packed = gzip.compress(json.dumps(document).encode())
    older = changed(secret, release=packed, digest=hashlib.sha256(packed).hexdigest().encode())

    assert read([older]) == replace(stored(), charts=(), looked_up_as=None)


def test_what_a_later_version_has_besides_is_left_out() -> None:
    [secret] = secrets()
    document = json.loads(gzip.decompress(base64.b64decode(secret["data"]["release"])))
    document["stored"]["later"] = document["stored"]["release"]["later"] = {"a": 1}
    packed = gzip.compress(json.dumps(document).encode())

    found = changed(secret, release=packed, digest=hashlib.sha256(packed).hexdigest().encode())

    assert read([found]) == stored()


def test_what_is_kept_is_what_could_come_out_otherwise() -> None:
    assert not store.is_kept(Release())
    assert store.is_kept(Release(has_calls=True))


def changed(secret: dict[str, Any], **data: bytes) -> dict[str, Any]:
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    return {**secret, "data": {**secret["data"], **encoded}}


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("content", "changed by somebody else"),
        ("digest", "changed by somebody else"),
        ("parts", "changed by somebody else"),
        ("no value", "changed by somebody else"),
        ("first missing", "my-app.release.v3 is missing"),
        ("part missing", "my-app.release.v3.1 is missing"),
        ("revision", "changed by somebody else"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused_by_name(name: str, reported: str) -> None:
    made = secrets(1_000_000)
    first, rest = made[-1], made[:-1]
    revision = 3
    found = {
        "content": lambda: [*rest, changed(first, release=b"other")],
        "digest": lambda: [*rest, changed(first, digest=b"0" * 64)],
        "parts": lambda: [*rest, changed(first, parts=b"1000")],
        "no value": lambda: [*rest, {**first, "data": None}],
        "first missing": lambda: rest,
        "part missing": lambda: [first],
        "revision": lambda: [{**s, "metadata": {"name": s["metadata"]["name"].replace("v3", "v9")}} for s in made],
    }[name]()
    if name == "revision":
        revision = 9
    with pytest.raises(StoredReleaseError, match=reported):
        read(found, revision)


def test_a_release_of_another_operator_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(store, "_FORMAT", 2)
        later = secrets()
    with pytest.raises(StoredReleaseError, match="another version of the operator"):
        read(later)


def test_a_message_never_quotes_what_is_stored() -> None:
    [secret] = secrets()
    with pytest.raises(StoredReleaseError) as caught:
        read([changed(secret, release=b"hunter2")])
    assert "hunter2" not in str(caught.value)


def test_revisions_are_told_newest_first_and_others_secrets_left_out() -> None:
    found = [
        *store.secrets(stored(revision=9), "my-app", METADATA),
        *secrets(),
        *store.secrets(stored(revision=10), "my-app", METADATA),
    ]
    other = {"type": "Opaque", "metadata": {"name": "x", "labels": {store.REVISION_LABEL: "11"}}}

    assert list(store.revisions([*found, other])) == [10, 9, 3]


def test_one_that_is_too_large_is_refused_before_anything_is_written() -> None:
    with pytest.raises(StoredReleaseError, match="too large to be kept"):
        secrets(kept_in_secrets.PART_BYTES * store.MAX_PARTS)


def test_a_small_release_is_at_hand_and_a_large_one_is_not() -> None:
    packed = store.at_hand(stored())
    assert packed is not None
    assert len(packed) <= store.MAX_AT_HAND
    assert store.unpacked(packed) == stored()
    assert store.at_hand(stored(size=2 * store.MAX_AT_HAND)) is None
