"""The status that is written: what is known better is replaced, the rest is carried, and times move with changes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from harness.conditions_rules import violations
from kotsapp.api.conditions import (
    MAX_MESSAGE,
    WORKLOADS_APPLIED,
    Condition,
    Reason,
    counted,
    merge,
    progressing,
    succeeded,
)
from kotsapp.apply.inventory import Entry
from kotsapp.health.assess import Health, WorkloadState
from kotsapp.images.routing import Route
from kotsapp.kube.objects import ObjectKey
from kotsapp.reconcile.outcome import again, settle_unwell, stop
from kotsapp.reconcile.status import MAX_IMAGES, MAX_WORKLOADS, Report, parse_timestamp, timestamp
from kotsapp.verdicts.decision import Ground, Settled
from kotsapp.verdicts.verdict import Verdict

EARLIER = "2026-01-01T00:00:00Z"


def by_type(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in status["conditions"]}


def settled(image: str, verdict: Verdict = Verdict.PUBLIC, **fields: Any) -> Settled:
    route = {Verdict.PUBLIC: Route.DIRECT, Verdict.PRIVATE: Route.PROXY}.get(verdict)
    made: dict[str, Any] = {
        "image": image,
        "verdict": verdict,
        "route": route,
        "pull": image if route else None,
        "ground": Ground.VERDICT,
        "message": "m",
        "http_status": 200,
        "code": None,
        "requests": 1,
    }
    return Settled(**(made | fields))


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    before = merge([], [Condition.true("Ready", "one")], 1, EARLIER)

    same = merge(before, [Condition.true("Ready", "two", "Other")], 2, "2026-02-02T00:00:00Z")
    changed = merge(before, [Condition.false("Ready", "Broken", "no")], 2, "2026-02-02T00:00:00Z")

    assert (same[0]["lastTransitionTime"], same[0]["message"], same[0]["reason"]) == (EARLIER, "two", "Other")
    assert same[0]["observedGeneration"] == 2
    assert changed[0]["lastTransitionTime"] == "2026-02-02T00:00:00Z"


def test_workloads_are_read_back_as_they_were_told() -> None:
    key = ObjectKey("apps/v1", "Deployment", "apps", "api")
    report = Report({})
    report.applied(Entry(key))
    report.workloads({key: Health(WorkloadState.DEGRADED, "1 of 2 replicas ready")})
    status = report.finish(succeeded("done"), 1)

    assert Report(status).workloads_before() == {key: Health(WorkloadState.DEGRADED, "1 of 2 replicas ready")}
    status["workloads"][0]["state"] = "Odd"
    assert Report(status).workloads_before() == {}


def test_a_message_is_bounded() -> None:
    [condition] = merge([], [Condition.true("Ready", "x" * (MAX_MESSAGE + 1))], 1, EARLIER)

    assert len(condition["message"]) == MAX_MESSAGE
    assert condition["message"].endswith("...")


ENDS = {
    "stopped": (stop(Reason.INVALID_SPEC, "mend it"), {"Stalled"}, True),
    "retried": (again(Reason.API_UNAVAILABLE, "down"), {"Reconciling"}, False),
    "unwell": (settle_unwell(Reason.WORKLOADS_UNHEALTHY, "crashes"), set(), True),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_before_the_end_is_told_by_the_rules(name: str) -> None:
    halt, also, is_settled = ENDS[name]
    before = Report({}).finish(succeeded("fine"), 1)

    status = Report(before).finish(halt.conditions, 2)

    told = by_type(status)
    assert told["Ready"]["status"] == "False"
    assert told["Ready"]["message"] == str(halt)
    assert {"Reconciling", "Stalled"} & told.keys() == also
    assert (status.get("observedGeneration") == 2) == is_settled
    assert violations([before, status], [1, 2]) == []


def test_only_what_is_retried_unseen_grows_its_delay() -> None:
    assert stop("A", "m").retry_after is None
    assert not stop("A", "m").backoff
    assert stop("A", "m", retry_after=60).backoff
    assert again("A", "m").backoff
    assert not again("A", "m", retry_after=5).backoff


def test_conditions_of_steps_that_were_not_reached_are_carried() -> None:
    first = Report({})
    first.note(Condition.true(WORKLOADS_APPLIED, "3 objects applied"))
    before = first.finish(succeeded("fine"), 1)

    second = Report(before)
    status = second.finish(stop(Reason.LICENSE_NOT_FOUND, "no license").conditions, 2)

    assert by_type(status)[WORKLOADS_APPLIED]["message"] == "3 objects applied"
    third = Report(status)
    third.drop(WORKLOADS_APPLIED)
    assert WORKLOADS_APPLIED not in by_type(third.finish(succeeded("fine"), 2))


def test_nothing_changed_makes_the_same_status() -> None:
    def report(before: dict[str, Any]) -> dict[str, Any]:
        made = Report(before)
        made.images([settled("a"), settled("b", Verdict.PRIVATE)], {"a": ["Pod/x"]}, verified=True)
        made.workloads({ObjectKey("v1", "Pod", "apps", "x"): Health(WorkloadState.READY)})
        made.applied(Entry(ObjectKey("v1", "Pod", "apps", "x"), "d", "f"))
        made.note(Condition.true(WORKLOADS_APPLIED, "1 object applied"))
        return made.finish(succeeded("fine"), 1)

    first = report({"lastProbeTime": EARLIER})

    assert report(first) == first
    assert first["lastProbeTime"] == EARLIER


@pytest.mark.parametrize(
    ("probed", "ground", "moves"),
    [(True, Ground.VERDICT, True), (False, Ground.VERDICT, False), (True, Ground.PREVIOUS, False)],
)
def test_the_time_of_probing_is_that_of_a_registrys_answer(probed: bool, ground: Ground, moves: bool) -> None:
    """The proxy may be asked every minute, and a registry that is down, too."""
    report = Report({"lastProbeTime": EARLIER})
    report.images([settled("a", requests=1, probed=probed, ground=ground)], {}, verified=True)
    assert (report.finish(succeeded("fine"), 1)["lastProbeTime"] != EARLIER) is moves


def test_images_are_listed_worst_first_and_all_of_them_counted() -> None:
    report = Report({})
    images = [settled(f"image-{number}") for number in range(MAX_IMAGES)]

    report.images([*images, settled("down", Verdict.UNREACHABLE)], {}, verified=False)
    status = report.finish(progressing("m"), 1)

    assert len(status["images"]) == MAX_IMAGES
    assert status["images"][0]["image"] == "down"
    assert status["imageSummary"] == {
        "total": MAX_IMAGES + 1,
        "public": MAX_IMAGES,
        "private": 0,
        "proxied": 0,
        "undecided": 1,
        "unverified": 0,
    }


def test_a_verdicts_time_moves_with_the_verdict() -> None:
    entry = {"image": "a", "verdict": "Private", "lastTransitionTime": EARLIER}

    same, changed = Report({"images": [entry]}), Report({"images": [entry]})
    same.images([settled("a", Verdict.PRIVATE, message="other words")], {}, verified=False)
    changed.images([settled("a", Verdict.PUBLIC)], {}, verified=False)

    assert same.finish([], 1)["images"][0]["lastTransitionTime"] == EARLIER
    assert changed.finish([], 1)["images"][0]["lastTransitionTime"] != EARLIER


def test_workloads_are_listed_worst_first_within_a_bound() -> None:
    fine = {ObjectKey("v1", "Pod", "apps", f"p{n}"): Health(WorkloadState.READY) for n in range(MAX_WORKLOADS)}
    worst = {ObjectKey("v1", "Pod", "apps", "z"): Health(WorkloadState.MISSING, "not in the cluster")}
    report = Report({})

    report.workloads(fine | worst)

    listed = report.finish([], 1)["workloads"]
    assert len(listed) == MAX_WORKLOADS
    assert (listed[0]["name"], listed[0]["state"]) == ("z", "Missing")


def test_the_inventory_follows_what_is_applied_and_removed() -> None:
    one, two = (Entry(ObjectKey("v1", "ConfigMap", "apps", name), "d", "f") for name in ("one", "two"))
    report = Report({"inventory": [one.to_status()]})

    report.applied(two)
    report.removed([one])

    assert report.finish([], 1)["inventory"] == [two.to_status()]


def test_times_are_rfc_3339_in_utc() -> None:
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert timestamp(there) == EARLIER
    assert parse_timestamp(EARLIER) == datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_timestamp("yesterday") is None
    assert parse_timestamp(None) is None


def test_one_thing_is_told_in_the_singular() -> None:
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
