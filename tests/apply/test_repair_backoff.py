"""A fight over a field: some repairs are no accident, and each one more is put off for longer."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from kotsapp.apply.repair_backoff import (
    PAUSE,
    TOLERATED,
    WINDOW,
    is_contested,
    remember,
    wait_before_repair,
)


def fought(repairs: int) -> list[float]:
    """The times of so many repairs, each made as soon as it may be."""
    times: list[float] = []
    now = 1000.0
    for _ in range(repairs):
        now += wait_before_repair(times, now) + 0.1
        times = remember(times, now)
    return times


def test_the_first_repairs_are_made_at_once() -> None:
    for count in range(TOLERATED):
        repairs = fought(count)
        assert wait_before_repair(repairs, 1001.0) == 0
        assert not is_contested(repairs, 1001.0)


def test_then_each_is_put_off_for_twice_as_long_up_to_a_bound() -> None:
    waits = []
    for count in range(TOLERATED, TOLERATED + 12):
        repairs = fought(count)
        waits.append(round(wait_before_repair(repairs, repairs[-1])))

    assert waits[:3] == [PAUSE.first, 2 * PAUSE.first, 4 * PAUSE.first]
    assert waits == sorted(waits)
    assert waits[-1] == PAUSE.longest


def test_a_fight_is_told_until_a_repair_has_lasted() -> None:
    repairs = fought(TOLERATED + 1)

    assert is_contested(repairs, repairs[-1] + 2 * PAUSE.first - 1)
    assert not is_contested(repairs, repairs[-1] + 2 * PAUSE.first + 1)


def test_drift_now_and_then_is_no_fight() -> None:
    times: list[float] = []
    for number in range(20):
        times = remember(times, number * (WINDOW + 1))
        assert wait_before_repair(times, times[-1]) == 0


def test_peace_is_forgiven() -> None:
    repairs = fought(TOLERATED + 3)

    later = repairs[-1] + WINDOW + PAUSE.longest + 1

    assert remember(repairs, later) == [later]


@given(st.lists(st.floats(0, 1e6), max_size=60).map(sorted))
def test_what_is_remembered_is_bounded_and_ends_with_the_newest(times: Sequence[float]) -> None:
    repairs: list[float] = []
    for moment in times:
        repairs = remember(repairs, moment)
        assert repairs[-1] == moment
        assert len(repairs) <= TOLERATED + 16
        assert 0 <= wait_before_repair(repairs, moment) <= PAUSE.longest
