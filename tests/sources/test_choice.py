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
    assert newer_than(2, [THREE, FOUR, TWO, THREE]) == [FOUR, THREE]
