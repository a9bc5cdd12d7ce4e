"""The checker of recorded lives finds each kind of mistake, and none in a life that keeps the rules."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.conditions_rules import violations
from kotsapp.api.conditions import (
    Condition,
    Reason,
    failed,
    is_done,
    merge,
    progressing,
    retrying,
    stalled,
    succeeded,
)

Statuses = list[dict[str, Any]]


def condition(type_: str, status: str, reason: str, generation: int, second: int) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": "told",
        "observedGeneration": generation,
        "lastTransitionTime": f"2026-01-01T00:00:{second:02}Z",
    }


def license_valid() -> dict[str, Any]:
    return condition("LicenseValid", "True", "ReconciliationSucceeded", 1, 1)


def image(verdict: str, second: int) -> dict[str, Any]:
    return {"image": "redis:7", "verdict": verdict, "lastTransitionTime": f"2026-01-01T00:00:{second:02}Z"}


def good_life() -> tuple[Statuses, list[int]]:
    """Created, undecided for a while, ready; then the license is broken and mended."""
    statuses: Statuses = [
        {},
        {"observedGeneration": -1},
        {
            "observedGeneration": -1,
            "conditions": [
                condition("Ready", "Unknown", "Progressing", 1, 1),
                condition("Reconciling", "True", "Progressing", 1, 1),
                license_valid(),
            ],
        },
        {
            "observedGeneration": -1,
            "conditions": [
                condition("Ready", "False", "ImagesUndecided", 1, 2),
                condition("Reconciling", "True", "ProgressingWithRetry", 1, 1),
                license_valid(),
            ],
            "images": [image("Unreachable", 2)],
        },
        {
            "observedGeneration": 1,
            "conditions": [condition("Ready", "True", "ReconciliationSucceeded", 1, 3), license_valid()],
            "images": [image("Public", 3)],
        },
        {
            "observedGeneration": 2,
            "conditions": [
                condition("Ready", "False", "SignatureInvalid", 2, 4),
                condition("Stalled", "True", "SignatureInvalid", 2, 4),
            ],
            "images": [image("Public", 3)],
        },
        {
            "observedGeneration": 3,
            "conditions": [condition("Ready", "True", "ReconciliationSucceeded", 3, 5), license_valid()],
            "images": [image("Public", 3)],
        },
    ]
    return statuses, [1, 1, 1, 1, 1, 2, 3]


def test_a_life_that_keeps_the_rules_has_no_violations() -> None:
    assert violations(*good_life()) == []


def of(statuses: Statuses, number: int, type_: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = statuses[number]["conditions"]
    return next(c for c in conditions if c["type"] == type_)


def drop(statuses: Statuses, number: int, type_: str) -> None:
    statuses[number]["conditions"].remove(of(statuses, number, type_))


def add(statuses: Statuses, number: int, *values: Any) -> None:
    statuses[number]["conditions"].append(condition(*values))


BREAKS: list[tuple[Callable[[Statuses], Any], str]] = [
    (lambda s: drop(s, 3, "Ready"), "status 3: Ready is missing"),
    (lambda s: s[4].update(conditions=[]), "status 4: Ready is missing"),
    (lambda s: s[1].update(observedGeneration=1), "status 1: observedGeneration 1 without conditions"),
    (lambda s: add(s, 4, "Ready", "True", "ReconciliationSucceeded", 1, 3), "status 4: Ready is there 2 times"),
    (lambda s: add(s, 4, "Reconciling", "False", "Done", 1, 3), "status 4: Reconciling is there and False"),
    (lambda s: add(s, 4, "Stalled", "False", "Done", 1, 3), "status 4: Stalled is there and False"),
    (lambda s: add(s, 5, "Reconciling", "True", "Busy", 2, 4), "status 5: Reconciling and Stalled at once"),
    (lambda s: add(s, 4, "Reconciling", "True", "Busy", 1, 3), "status 4: Reconciling beside Ready True"),
    (lambda s: add(s, 4, "Stalled", "True", "Bad", 1, 3), "status 4: Stalled beside Ready True"),
    (lambda s: of(s, 5, "Stalled").update(reason="Other"), "status 5: Stalled with reason Other beside Ready with"),
    (lambda s: drop(s, 2, "Reconciling"), "status 2: Ready is Unknown without Reconciling"),
    (lambda s: drop(s, 3, "Reconciling"), "status 3: Ready is False with reason ImagesUndecided without Reconciling"),
    (lambda s: of(s, 3, "Ready").update(reason="WorkloadsUnhealthy"), "status 3: Reconciling or Stalled beside"),
    (lambda s: of(s, 4, "Ready").update(reason="Progressing"), "status 4: Ready is True with reason Progressing"),
    (lambda s: of(s, 3, "Ready").update(reason="ReconciliationSucceeded"), "status 3: Ready is False with reason Rec"),
    (lambda s: of(s, 4, "LicenseValid").update(status="False"), "status 4: Ready is True and LicenseValid is False"),
    (lambda s: of(s, 4, "Ready").update(status="true"), "status 4: Ready has status 'true'"),
    (lambda s: of(s, 4, "Ready").update(reason=""), "status 4: Ready has reason ''"),
    (lambda s: of(s, 4, "Ready").update(reason="all is well"), "status 4: Ready has reason 'all is well'"),
    (lambda s: of(s, 4, "Ready").pop("message"), "status 4: Ready has message None"),
    (lambda s: of(s, 4, "Ready").update(lastTransitionTime="now"), "status 4: Ready has lastTransitionTime 'now'"),
    (lambda s: of(s, 4, "Ready").pop("observedGeneration"), "status 4: Ready has observedGeneration None"),
    (lambda s: of(s, 4, "Ready").update(observedGeneration=9), "status 4: Ready has observedGeneration 9 at"),
    (lambda s: of(s, 6, "LicenseValid").update(observedGeneration=0), "status 6: LicenseValid has observedGeneration"),
    (lambda s: of(s, 6, "Ready").update(observedGeneration=1), "status 6: observedGeneration of Ready went from 2"),
    (lambda s: s[4].update(observedGeneration=2), "status 4: observedGeneration 2 is ahead of generation 1"),
    (lambda s: s[5].update(observedGeneration=0), "status 5: observedGeneration went from 1 back to 0"),
    (lambda s: s[3].update(observedGeneration=1), "status 3: observedGeneration went to 1 while Reconciling"),
    (lambda s: s[4].update(observedGeneration=-1), "status 4: done with generation 1, but observedGeneration is -1"),
    (lambda s: s[4].pop("observedGeneration"), "status 4: observedGeneration is None"),
    (
        lambda s: of(s, 3, "Reconciling").update(lastTransitionTime="2026-01-01T00:00:02Z"),
        "status 3: lastTransitionTime of Reconciling moved while it stayed True",
    ),
    (
        lambda s: of(s, 4, "Ready").update(lastTransitionTime="2026-01-01T00:00:01Z"),
        "status 4: lastTransitionTime of Ready went back",
    ),
    (lambda s: s[5].update(images=[image("Public", 4)]), "status 5: lastTransitionTime of redis:7 moved while it"),
]


@pytest.mark.parametrize(("break_it", "expected"), BREAKS, ids=[expected for _, expected in BREAKS])
def test_each_violation_is_found(break_it: Callable[[Statuses], Any], expected: str) -> None:
    statuses, generations = good_life()
    break_it(statuses)
    assert any(line.startswith(expected) for line in violations(statuses, generations))


def test_a_condition_that_comes_back_may_not_be_older_than_when_it_left() -> None:
    statuses, generations = good_life()
    drop(statuses, 4, "LicenseValid")
    of(statuses, 6, "LicenseValid").update(lastTransitionTime="2026-01-01T00:00:00Z", observedGeneration=3)
    assert "status 6: lastTransitionTime of LicenseValid went back to 2026-01-01T00:00:00Z" in violations(
        statuses, generations
    )


OUTCOMES: list[list[Condition]] = [
    progressing("probing"),
    retrying(Reason.IMAGES_UNDECIDED, "no answer"),
    retrying(Reason.IMAGES_NOT_PULLABLE, "refused"),
    stalled(Reason.INVALID_MANIFEST, "line 3"),
    stalled(Reason.OBJECT_REFUSED, "ClusterRole/x"),
    failed(Reason.WORKLOADS_UNHEALTHY, "api"),
    [*succeeded("done"), Condition.true("LicenseValid", "valid")],
]


@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.booleans()), min_size=1, max_size=12))
def test_whatever_an_app_goes_through_its_merged_conditions_keep_the_rules(
    life: list[tuple[list[Condition], bool]],
) -> None:
    """Each step has an outcome, after the spec was changed or not; seconds pass between steps."""
    generation, root = 1, -1
    written: list[dict[str, Any]] = []
    statuses, generations = [], []
    for second, (outcome, spec_changed) in enumerate(life):
        generation += spec_changed
        written = merge(written, outcome, generation, f"2026-01-01T00:00:{second:02}Z")
        root = generation if is_done(outcome) else root
        statuses.append({"observedGeneration": root, "conditions": written})
        generations.append(generation)
    assert violations(statuses, generations) == []
