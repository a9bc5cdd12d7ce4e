"""Messages of a status: short, whole words, and objects with the same problem told together."""

from datetime import UTC, datetime, timedelta, timezone

from harness.statuses import EARLIER, by_type, made
from kotsapp.api.conditions import WORKLOADS_APPLIED, Condition, Reason
from kotsapp.reconcile.outcome import retryable, terminal
from kotsapp.text import counted, grouped, listed, parse_rfc3339, rfc3339


def test_times_are_rfc_3339_in_utc() -> None:
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert rfc3339(there) == EARLIER
    assert parse_rfc3339(EARLIER) == datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_rfc3339("yesterday") is None
    assert parse_rfc3339(None) is None


def test_one_thing_is_told_in_the_singular() -> None:
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_a_list_names_some_and_counts_the_rest() -> None:
    assert listed(["a"], 2) == "a"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert listed(["a", "b", "c"], 1, "; ") == "a; and 2 more"


def test_a_long_message_of_ready_is_short_and_says_where_the_whole_is() -> None:
    long = "ConfigMap/a: refused; " * 100
    applied = Condition.false(WORKLOADS_APPLIED, Reason.OBJECT_REFUSED, long)
    for error, place in (
        (terminal(Reason.OBJECT_REFUSED, long, applied), WORKLOADS_APPLIED),
        (terminal(Reason.INVALID_MANIFEST, long), "Stalled"),
        (retryable(Reason.APPLY_FAILED, long), "Reconciling"),
    ):
        reported = by_type(made({}, *error.conditions))
        assert len(reported["Ready"]["message"]) <= 300
        assert reported["Ready"]["message"].endswith(f"... (the whole: condition {place})")
        assert reported[place]["message"] == long


def test_what_to_do_is_not_cut_off() -> None:
    command = "To let go of it: kubectl patch kotsapp app --patch '{}'"
    reported = by_type(made({}, *retryable(Reason.CLEANUP_FAILED, f"{'not deleted; ' * 50}. {command}").conditions))
    assert len(reported["Ready"]["message"]) <= 300
    assert reported["Ready"]["message"].startswith("not deleted")
    assert reported["Ready"]["message"].endswith(f"... (the whole: condition Reconciling); {command}")


def test_the_last_command_is_told_where_there_is_no_room_for_all() -> None:
    first, last = f"helm upgrade {'x' * 150}", "or give it an account: kubectl apply -k here"
    reported = by_type(made({}, *terminal(Reason.OBJECT_REFUSED, f"{'refused ' * 50}; {first}; {last}").conditions))
    assert reported["Ready"]["message"].endswith(
        "... (the whole: condition Stalled); give it an account: kubectl apply -k here"
    )


def test_no_word_is_cut_in_two() -> None:
    reported = by_type(made({}, *terminal(Reason.OBJECT_REFUSED, "refused, " * 100).conditions))
    assert set(reported["Ready"]["message"].partition(" ...")[0].split(", ")) == {"refused"}


def test_objects_of_several_kinds_with_the_same_problem_are_told_together() -> None:
    problems = ["Role/a: no", "Job/b: no", *(f"Pod/p{n}: no" for n in range(9)), "Job/c: other"]
    assert grouped(problems, 5) == "Role/a, Job/b, 9 Pods (p0, p1, p2 and 6 more): no; Job/c: other"


def test_objects_with_the_same_problem_are_told_together() -> None:
    problems = [f'ClusterRole/r{n}: "r{n}" needs an account' for n in range(60)]
    problems += [f"Ingress/{name}: taken" for name in "abc"]
    problems += ["NetworkPolicy/x is there already", "NetworkPolicy/y is there already", "whatever"]
    assert grouped(problems, 5) == (
        '60 ClusterRoles (r0, r1, r2 and 57 more): "*" needs an account; 3 Ingresses (a, b, c): taken;'
        " NetworkPolicy/x is there already; NetworkPolicy/y is there already; whatever"
    )
    assert grouped(["Secret/a: b"], 5) == "Secret/a: b"
    assert grouped([f"Secret/a: {n}" for n in range(7)], 5).endswith("; and 2 more")
