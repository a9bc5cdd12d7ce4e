"""What is kept in Secrets comes back whole, or not at all."""

import gzip
from typing import Any

import pytest

from kotsapp.release import kept_in_secrets
from kotsapp.release.kept_in_secrets import PART_BYTES


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_parts_are_the_content_and_each_fits_into_a_secret(size: int) -> None:
    content = bytes(size)
    made = list(kept_in_secrets.parts(content))

    assert b"".join(made) == content
    assert all(0 < len(part) <= PART_BYTES for part in made)


def test_a_value_comes_back_as_it_was() -> None:
    made = kept_in_secrets.secret("shop.kept", "example.invalid/kept", {"a": b"\0\xff"}, {"namespace": "apps"})

    assert made["metadata"] == {"namespace": "apps", "name": "shop.kept"}
    assert kept_in_secrets.value(made, "a") == b"\0\xff"


@pytest.mark.parametrize("found", [{}, {"data": None}, {"data": {}}, {"data": {"a": None}}, {"data": {"a": "%"}}])
def test_a_value_that_is_missing_or_is_none_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        kept_in_secrets.value(found, "a")


DAMAGED = gzip.compress(b"12345678", mtime=0)[:10] + b"\xff" * 10


@pytest.mark.parametrize(
    "packed",
    [
        b"plain",
        gzip.compress(b"1234", mtime=0)[:-9],
        DAMAGED,
        gzip.compress(bytes(50_000_000), mtime=0),
        gzip.compress(b"9" * 9, mtime=0),
    ],
)
def test_what_unpacks_to_nothing_or_to_too_much_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"can't be unpacked|unpacks to more"):
        kept_in_secrets.unpacked(packed, 8)
    assert kept_in_secrets.unpacked(gzip.compress(b"12345678"), 8) == b"12345678"
