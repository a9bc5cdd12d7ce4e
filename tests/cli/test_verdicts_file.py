"""A file of verdicts is the administrator's word, once it is one."""

import json
from typing import Any

import pytest

from kotsapp.cli.verdicts_file import Found, VerdictsError, read_verdicts
from kotsapp.images.routing import Route
from kotsapp.verdicts.verdict import Verdict


def read(*entries: Any) -> dict[str, Found]:
    return read_verdicts(json.dumps({"images": entries}).encode())


def test_a_route_is_the_verdicts_unless_it_is_given() -> None:
    assert read(
        {"image": "a", "verdict": "Private"},
        {"image": "b", "verdict": "Public", "requests": 3},
        {"image": "c", "verdict": "NotFound", "route": "Proxy"},
        {"image": "d", "verdict": "RateLimited", "route": None},
    ) == {
        "a": Found(Verdict.PRIVATE, Route.PROXY),
        "b": Found(Verdict.PUBLIC, Route.DIRECT),
        "c": Found(Verdict.NOT_FOUND, Route.PROXY),
        "d": Found(Verdict.RATE_LIMITED, None),
    }


def test_the_same_image_may_be_there_twice_and_the_same() -> None:
    assert len(read({"image": "a", "verdict": "Public"}, {"image": "a", "verdict": "Public"})) == 1
    with pytest.raises(VerdictsError, match=r"images\[1\]: 'a' is there twice"):
        read({"image": "a", "verdict": "Public"}, {"image": "a", "verdict": "Private"})


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "has no list called images"),
        (b'{"images": {}}', "has no list called images"),
        (b'{"images": [5]}', r"images\[0\] is not an object"),
        (b'{"images": [{"verdict": "Public"}]}', r"images\[0\] has no text called image"),
        (b'{"images": [{"image": "a"}]}', r"images\[0\]\.verdict is None; it has to be one of Public, Private"),
        (b'{"images": [{"image": "a", "verdict": "public"}]}', r"images\[0\]\.verdict is 'public'"),
        (b'{"images": [{"image": "a", "verdict": ["Public"]}]}', r"images\[0\]\.verdict is \['Public'\]"),
        (b'{"images": [{"image": "a", "verdict": "Public", "route": "x"}]}', r"images\[0\]\.route is 'x'"),
        (b" " * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
    ],
)
def test_what_is_no_verdict_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(VerdictsError, match=problem):
        read_verdicts(data)
