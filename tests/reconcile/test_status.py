"""The status that is written: what is known better is replaced, the rest is carried, and times move with changes."""

from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from harness.conditions_rules import violations
from harness.statuses import EARLIER, NOW, by_type, made
from kotsapp.api.conditions import (
    MAX_MESSAGE,
    WORKLOADS_APPLIED,
    Condition,
    Reason,
    failed,
    merge,
    progressing,
    succeeded,
)
from kotsapp.apply.inventory import Entry, Inventory
from kotsapp.apply.ledger import Ledger
from kotsapp.health.assess import Health, WorkloadState
from kotsapp.images.routing import Route
from kotsapp.kube.objects import ObjectKey
from kotsapp.reconcile.outcome import retryable, terminal
from kotsapp.reconcile.status import (
    MAX_IMAGES,
    MAX_WORKLOADS,
    Findings,
    ImageFindings,
    build,
    is_unanswered,
    reported_workloads,
)
from kotsapp.verdicts.decision import Basis, Resolution
from kotsapp.verdicts.verdict import Verdict


def settled(image: str, verdict: Verdict = Verdict.PUBLIC, **fields: Any) -> Resolution:
    route = {Verdict.PUBLIC: Route.DIRECT, Verdict.PRIVATE: Route.PROXY}.get(verdict)
    made: dict[str, Any] = {
        "image": image,
        "verdict": verdict,
        "route": route,
        "pull": image if route else None,
        "basis": Basis.VERDICT,
        "message": "m",
        "http_status": 200,
        "code": None,
        "requests": 1,
    }
    return Resolution(**(made | fields))


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    before = merge([], [Condition.true("Ready", "one")], 1, EARLIER)

    same = merge(before, [Condition.true("Ready", "two", "Other")], 2, "2026-02-02T00:00:00Z")
    changed = merge(before, [Condition.false("Ready", "Broken", "no")], 2, "2026-02-02T00:00:00Z")

    assert (same[0]["lastTransitionTime"], same[0]["message"], same[0]["reason"]) == (EARLIER, "two", "Other")
    assert same[0]["observedGeneration"] == 2
    assert changed[0]["lastTransitionTime"] == "2026-02-02T00:00:00Z"


def test_a_message_is_bounded() -> None:
    [condition] = merge([], [Condition.true(WORKLOADS_APPLIED, "x" * (MAX_MESSAGE + 1))], 1, EARLIER)

    assert len(condition["message"]) == MAX_MESSAGE
    assert condition["message"].endswith("...")


ENDS = {
    "stopped": (terminal(Reason.INVALID_SPEC, "mend it").conditions, {"Stalled"}, True),
    "retried": (retryable(Reason.API_UNAVAILABLE, "down").conditions, {"Reconciling"}, False),
    "unwell": (failed(Reason.WORKLOADS_UNHEALTHY, "crashes"), set(), True),
}


def images(*settled: Resolution, users: dict[str, list[str]] | None = None, verified: bool = False) -> ImageFindings:
    return ImageFindings(settled, users or {}, verified, NOW)


@pytest.mark.parametrize("name", ENDS)
def test_an_end_before_the_end_is_told_by_the_rules(name: str) -> None:
    conditions, also, is_settled = ENDS[name]
    before = made({}, *succeeded("fine"))

    status = made(before, *conditions, generation=2)

    reported = by_type(status)
    assert reported["Ready"]["status"] == "False"
    assert reported["Ready"]["message"] == conditions[0].message
    assert {"Reconciling", "Stalled"} & reported.keys() == also
    assert (status.get("observedGeneration") == 2) == is_settled
    assert violations([before, status], [1, 2]) == []


def test_only_what_is_retried_unseen_grows_its_delay() -> None:
    assert terminal("A", "m").retry_after is None
    assert not terminal("A", "m").backoff
    assert terminal("A", "m", retry_after=60).backoff
    assert retryable("A", "m").backoff
    assert not retryable("A", "m", retry_after=5).backoff


def test_conditions_of_steps_that_were_not_reached_are_carried() -> None:
    before = made({}, Condition.true(WORKLOADS_APPLIED, "3 objects applied"), *succeeded("fine"))

    status = made(before, *terminal(Reason.LICENSE_NOT_FOUND, "no license").conditions, generation=2)

    assert by_type(status)[WORKLOADS_APPLIED]["message"] == "3 objects applied"
    after = made(status, *succeeded("fine"), generation=2, obsolete=frozenset({WORKLOADS_APPLIED}))
    assert WORKLOADS_APPLIED not in by_type(after)


def test_of_one_condition_the_last_word_counts() -> None:
    reported = made(
        {}, Condition.true(WORKLOADS_APPLIED, "first"), Condition.true(WORKLOADS_APPLIED, "last"), *succeeded("m")
    )

    assert by_type(reported)[WORKLOADS_APPLIED]["message"] == "last"


def test_nothing_changed_makes_the_same_status() -> None:
    pod = ObjectKey("v1", "Pod", "apps", "x")

    def again(before: dict[str, Any], now: str) -> dict[str, Any]:
        found = Findings(
            images=ImageFindings((settled("a"), settled("b", Verdict.PRIVATE)), {"a": ["Pod/x"]}, True, now),
            workloads={pod: Health(WorkloadState.READY)},
            conditions=(Condition.true(WORKLOADS_APPLIED, "1 object applied"), *succeeded("fine")),
        )
        return build(before, found, Inventory.of([Entry(pod, "d", "f")]), 1, now)

    first = again({"lastProbeTime": EARLIER}, NOW)

    assert again(first, "2026-03-03T00:00:00Z") == first
    assert first["lastProbeTime"] == EARLIER


@pytest.mark.parametrize(
    ("probed", "basis", "moves"),
    [(True, Basis.VERDICT, True), (False, Basis.VERDICT, False), (True, Basis.PREVIOUS, False)],
)
def test_the_time_of_probing_is_that_of_a_registrys_answer(probed: bool, basis: Basis, moves: bool) -> None:
    """The proxy may be asked every minute, and a registry that is down, too."""
    found = images(settled("a", requests=1, probed=probed, basis=basis), verified=True)

    status = made({"lastProbeTime": EARLIER}, *succeeded("fine"), images=found)

    assert (status["lastProbeTime"] != EARLIER) is moves


def test_images_are_listed_worst_first_and_all_of_them_counted() -> None:
    many = [settled(f"image-{number}") for number in range(MAX_IMAGES)]

    status = made({}, *progressing("m"), images=images(*many, settled("down", Verdict.UNREACHABLE)))

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
    before = {"images": [{"image": "a", "verdict": "Private", "lastTransitionTime": EARLIER}]}

    same = made(before, images=images(settled("a", Verdict.PRIVATE, message="other words")))
    changed = made(before, images=images(settled("a", Verdict.PUBLIC)))

    assert same["images"][0]["lastTransitionTime"] == EARLIER
    assert changed["images"][0]["lastTransitionTime"] == NOW


def test_what_else_is_to_be_told_of_an_image_is_in_its_message() -> None:
    found = replace(images(settled("a", message="it is private"), settled("b")), notes={"a": "its pods need more"})

    assert [entry["message"] for entry in made({}, images=found)["images"]] == [
        "it is private; its pods need more",
        "m",
    ]


def test_workloads_are_listed_worst_first_within_a_bound() -> None:
    fine = {ObjectKey("v1", "Pod", "apps", f"p{n}"): Health(WorkloadState.READY) for n in range(MAX_WORKLOADS)}
    worst = {ObjectKey("v1", "Pod", "apps", "z"): Health(WorkloadState.MISSING, "not in the cluster")}

    listed = made({}, workloads=fine | worst)["workloads"]

    assert len(listed) == MAX_WORKLOADS
    assert (listed[0]["name"], listed[0]["state"]) == ("z", "Missing")


def test_the_inventory_follows_the_ledger() -> None:
    one, two = (Entry(ObjectKey("v1", "ConfigMap", "apps", name), "d", "f") for name in ("one", "two"))
    ledger = Ledger(Inventory.of([one]), AsyncMock())

    ledger.applied(two)
    ledger.removed(one)

    assert made({"inventory": [one.to_status()]}, inventory=ledger.inventory)["inventory"] == [two.to_status()]


def test_requests_that_were_acted_on_are_answered_in_their_own_fields() -> None:
    requested = {"lastHandledReconcileAt": "now"}
    assert is_unanswered({}, requested)

    status = made({}, *succeeded("fine"), answered=requested)

    assert not is_unanswered(status, requested)


def test_workloads_are_read_back_as_they_were_told() -> None:
    key = ObjectKey("apps/v1", "Deployment", "apps", "api")
    health = Health(WorkloadState.DEGRADED, "1 of 2 replicas ready")

    status = made({}, *succeeded("done"), workloads={key: health})

    assert reported_workloads(status, [key]) == {key: health}
    status["workloads"][0]["state"] = "Odd"
    assert reported_workloads(status, [key]) == {}
