"""Which release of a channel comes next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.sources.choice import Current, Fetch, Pending, Stay, choose, newer_than

ONE = Current(1, "1.0.0")
TWO, THREE, FOUR = Pending(2, "1.1.0"), Pending(3, "1.2.0"), Pending(4, "1.3.0")
REQUIRED = Pending(3, "1.2.0", is_required=True)


@pytest.mark.parametrize(
    ("current", "wanted", "pending", "expected"),
    [
        pytest.param(None, None, [], Fetch(), id="first: the head"),
        pytest.param(None, "1.0.0", [], Fetch(version_label="1.0.0"), id="first: the version that is wanted"),
        pytest.param(ONE, None, [], Stay(), id="nothing new"),
        pytest.param(ONE, None, [TWO], Fetch(2), id="a newer one"),
        pytest.param(ONE, None, [FOUR, TWO, THREE], Fetch(4), id="the head, in whatever order they are told"),
        pytest.param(ONE, None, [TWO, REQUIRED, FOUR], Fetch(3), id="a required one on the way"),
        pytest.param(ONE, None, [TWO, REQUIRED], Fetch(3), id="the head itself is required"),
        pytest.param(ONE, None, [Pending(1, "1.0.0"), Pending(0, "0.9")], Stay(), id="what is not newer"),
        pytest.param(ONE, "1.0.0", [TWO, REQUIRED], Stay(), id="a version that stays"),
        pytest.param(ONE, "1.1.0", [TWO, REQUIRED, FOUR], Fetch(2), id="up to the wanted version"),
        pytest.param(ONE, "1.3.0", [TWO, REQUIRED, FOUR], Fetch(3), id="a required one before the wanted version"),
        pytest.param(ONE, "0.9.0", [TWO], Fetch(version_label="0.9.0"), id="back to an older version"),
        pytest.param(ONE, "1.1.0", [TWO, Pending(4, "1.1.0")], Fetch(4), id="the later of two of one version"),
    ],
)
def test_the_next_release(
    current: Current | None, wanted: str | None, pending: list[Pending], expected: Stay | Fetch
) -> None:
    assert choose(current, wanted, pending) == expected


@pytest.mark.parametrize(
    ("is_required", "is_ready", "wanted", "expected"),
    [
        (True, False, None, Stay(awaits_ready=True)),
        (True, True, None, Fetch(4)),
        (False, False, None, Fetch(4)),  # it may be what mends the one that never gets ready
        (True, False, "1.3.0", Stay(awaits_ready=True)),
        (True, False, "0.9.0", Fetch(version_label="0.9.0")),  # whoever goes back does so because it isn't Ready
        (True, False, "1.2.0", Stay()),
    ],
)
def test_what_follows_a_required_release_waits_until_it_is_ready(
    is_required: bool, is_ready: bool, wanted: str | None, expected: Stay | Fetch
) -> None:
    current = Current(3, "1.2.0", is_required, is_ready)

    assert choose(current, wanted, [FOUR]) == expected


def test_the_notes_come_with_the_release() -> None:
    assert choose(ONE, None, [Pending(2, "1.1.0", release_notes="new")]) == Fetch(2, release_notes="new")


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_no_required_release_is_ever_passed_over(found: list[tuple[int, bool]]) -> None:
    channel = [Pending(sequence, f"v{sequence}", required) for sequence, required in dict(found).items()]
    required = {one.channel_sequence for one in channel if one.is_required and one.channel_sequence > 1}
    current, rolled_out = ONE, []
    while isinstance(choice := choose(current, None, channel), Fetch):
        assert choice.channel_sequence is not None
        assert choice.channel_sequence > current.channel_sequence
        rolled_out.append(choice.channel_sequence)
        current = Current(choice.channel_sequence, "", choice.channel_sequence in required)

    assert required <= set(rolled_out)
    assert current.channel_sequence == max([1, *(one.channel_sequence for one in channel)])


def test_newer_ones_are_told_newest_first_and_once() -> None:
    assert newer_than(Current(2, "1.1.0"), [THREE, FOUR, TWO, THREE]) == [FOUR, THREE]


PATCH, LATER = Pending(3, "1.1.1"), Pending(4, "1.2.1")


@pytest.mark.parametrize(
    ("current", "wanted", "pending", "expected"),
    [
        pytest.param(Current(2, "1.2.0"), None, [PATCH], Stay(), id="a patch of an older minor is no step forward"),
        pytest.param(Current(2, "1.2.0"), None, [PATCH, LATER], Fetch(4), id="but one of the newest is"),
        pytest.param(
            Current(3, "1.1.1"), None, [Pending(2, "1.2.0")], Fetch(2), id="an earlier place, a later version"
        ),
        pytest.param(Current(1, "1.1.0"), None, [Pending(2, "1.2.0"), PATCH], Fetch(2), id="the highest, not the last"),
        pytest.param(Current(1, "1.9.0"), None, [Pending(2, "1.10.0")], Fetch(2), id="numbers are numbers"),
        pytest.param(Current(1, "v1.2"), None, [Pending(2, "1.2.1")], Fetch(2), id="as vendors write them"),
        pytest.param(Current(1, "1.2.0"), None, [Pending(2, "1.2.0")], Fetch(2), id="released again"),
        pytest.param(
            Current(2, "1.2.0"), None, [Pending(3, "1.3.0-beta.1")], Fetch(3), id="what leads to the next one"
        ),
        pytest.param(Current(2, "1.2.0-rc.1"), None, [Pending(3, "1.2.0")], Fetch(3), id="what it led to"),
        pytest.param(Current(2, "1.2.0"), None, [Pending(3, "nightly")], Stay(), id="no version"),
        pytest.param(Current(2, "nightly"), None, [PATCH, LATER], Fetch(4), id="from no version, by places"),
        pytest.param(Current(2, "1.2.0"), "1.1.1", [PATCH], Fetch(version_label="1.1.1"), id="back to a later patch"),
        pytest.param(
            Current(1, "1.0.0"),
            "1.2.0",
            [Pending(2, "1.2.0"), Pending(3, "1.1.1", is_required=True)],
            Fetch(3),
            id="a required one that was released later, on the way by its version",
        ),
    ],
)
def test_the_next_release_where_versions_count(
    current: Current, wanted: str | None, pending: list[Pending], expected: Stay | Fetch
) -> None:
    assert choose(current, wanted, pending, by_version=True) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.booleans()), max_size=30))
def test_by_version_nothing_required_is_passed_over_and_nothing_goes_back(found: list[tuple[int, int, bool]]) -> None:
    channel = [
        Pending(place, f"{major}.{minor}.0", required) for place, (major, minor, required) in enumerate(found, 2)
    ]
    current, rolled_out = Current(1, "3.3.0"), [(3, 3, 1)]
    labels = {one.channel_sequence: one for one in channel}
    while isinstance(choice := choose(current, None, channel, by_version=True), Fetch):
        one = labels[choice.channel_sequence or 0]
        major, minor, _ = map(int, one.version_label.split("."))
        assert (major, minor, one.channel_sequence) > rolled_out[-1]
        rolled_out.append((major, minor, one.channel_sequence))
        current = Current(one.channel_sequence, one.version_label, one.is_required)

    required = {(a, b, place) for place, (a, b, needed) in enumerate(found, 2) if needed and (a, b, place) > (3, 3, 1)}
    assert required <= set(rolled_out)
