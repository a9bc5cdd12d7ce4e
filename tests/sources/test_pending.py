"""The list of pending releases, as somebody else wrote it."""

import json

import pytest

from kotsapp.sources import pending
from kotsapp.sources.choice import Pending
from kotsapp.sources.errors import SourceContentError
from kotsapp.sources.limits import MAX_NOTES, MAX_PENDING


def test_a_list_is_read() -> None:
    entry = {"channelSequence": 7, "releaseSequence": 12, "versionLabel": "1.2.0", "isRequired": True}
    body = {"channelReleases": [{**entry, "createdAt": "2026-11-26T08:00:00Z", "releaseNotes": "a\nb"}]}

    assert pending.read(json.dumps(body).encode(), "host") == (
        Pending(7, "1.2.0", True, "2026-11-26T08:00:00Z", "a\nb"),
    )


@pytest.mark.parametrize("body", [b"{}", b'{"channelReleases": null}', b'{"channelReleases": []}'])
def test_nothing_is_pending(body: bytes) -> None:
    assert pending.read(body, "host") == ()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "can't be read"),
        (b"<html>", "can't be read"),
        (b"[]", "is not a list"),
        (b'{"channelReleases": {}}', "is not a list"),
        (b'{"channelReleases": [1]}', "no channelSequence"),
        (b'{"channelReleases": [{"channelSequence": true}]}', "no channelSequence"),
        (b'{"channelReleases": [{"channelSequence": "7"}]}', "no channelSequence"),
        (b'{"channelReleases": [{"channelSequence": -7}]}', "no channelSequence"),
        (b'{"channelReleases": ' + b"[" * 100_000, "nested deeper"),
        (b'{"channelReleases": [' + b'{"channelSequence": 1},' * MAX_PENDING + b'{"channelSequence": 1}]}', "at most"),
    ],
)
def test_what_is_no_list_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(SourceContentError, match=problem):
        pending.read(body, "host")


def test_texts_are_bounded_and_steer_no_terminal() -> None:
    entry = {"channelSequence": 1, "versionLabel": "\x1b[2J", "releaseNotes": "n" * 10 * MAX_NOTES}
    (found,) = pending.read(json.dumps({"channelReleases": [entry]}).encode(), "host")

    assert found.version_label == "\\x1b[2J"
    assert len(found.release_notes) == MAX_NOTES
