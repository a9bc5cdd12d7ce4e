"""kstatus, compiled from its Go module, over the conditions that the operator makes and over what Argo CD is shown."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.conditions_rules import violations
from harness.kstatus import Kstatus
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

TESTDATA = sorted((Path(__file__).parents[2] / "deploy" / "argocd").rglob("testdata/*.yaml"))

OUTCOMES: list[list[Condition]] = [
    progressing("probing"),
    retrying(Reason.IMAGES_UNDECIDED, "no answer"),
    retrying(Reason.IMAGES_NOT_PULLABLE, "refused"),
    stalled(Reason.INVALID_MANIFEST, "line 3"),
    failed(Reason.WORKLOADS_UNHEALTHY, "api"),
    succeeded("done"),
]


def app(conditions: Sequence[Condition], observed: int, **metadata: Any) -> dict[str, Any]:
    written = merge([], conditions, generation=2, now="2026-01-01T00:00:00Z")
    return {
        "apiVersion": "kotsapp.dev/v1alpha1",
        "kind": "KotsApp",
        "metadata": {"name": "app", "namespace": "apps", "generation": 2, **metadata},
        "status": {"observedGeneration": observed, "conditions": written},
    }


@pytest.mark.parametrize(
    ("obj", "status", "reported"),
    [
        (app(succeeded("all is well"), 2), "Current", "ready"),
        (app(succeeded("all was well"), 1), "InProgress", "generation is 2"),
        (app(progressing("probing"), 2), "InProgress", "probing"),
        (app(retrying(Reason.IMAGES_UNDECIDED, "no answer"), 1), "InProgress", "generation is 2"),
        (app(retrying(Reason.IMAGES_NOT_PULLABLE, "refused"), 2), "InProgress", "refused"),
        # A person must act: a tool that waits gives up at once, with the operator's own words.
        (app(stalled(Reason.INVALID_MANIFEST, "line 3"), 2), "Failed", "line 3"),
        # It may yet recover.
        (app(failed(Reason.WORKLOADS_UNHEALTHY, "api is not ready"), 2), "InProgress", "api is not ready"),
        (app(succeeded("well"), 2, deletionTimestamp="2026-01-01T00:00:00Z"), "Terminating", "deletion"),
    ],
)
def test_what_a_tool_waits_for(kstatus: Kstatus, obj: dict[str, Any], status: str, reported: str) -> None:
    ((computed, message),) = kstatus.of([obj])
    assert computed == status
    assert reported in message.lower()


def test_it_agrees_with_every_short_life_that_keeps_the_rules_of_conditions(kstatus: Kstatus) -> None:
    """Three reconciliations, with each outcome, each after the spec was changed or not."""
    steps = list(itertools.product(OUTCOMES, (False, True)))
    objects: list[dict[str, Any]] = []
    for life in itertools.product(steps, repeat=3):
        states = list(lived(life))
        statuses = [state["status"] for state in states]
        assert violations(statuses, [state["metadata"]["generation"] for state in states]) == []
        objects += states
    assert kstatus.disagreements(objects) == []


def lived(life: Sequence[tuple[list[Condition], bool]]) -> Iterator[dict[str, Any]]:
    generation, root = 1, -1
    written: list[dict[str, Any]] = []
    for second, (outcome, spec_changed) in enumerate(life):
        generation += spec_changed
        written = merge(written, outcome, generation, f"2026-01-01T00:00:{second:02}Z")
        root = generation if is_done(outcome) else root
        yield {
            "apiVersion": "kotsapp.dev/v1alpha1",
            "kind": "KotsApp",
            "metadata": {"name": "app", "generation": generation},
            "status": {"observedGeneration": root, "conditions": written},
        }


def test_it_agrees_over_the_test_data_of_argo_cd(kstatus: Kstatus) -> None:
    """But where there is no Ready at all, which this operator never writes and kstatus takes for done."""
    objects = [yaml.safe_load(path.read_text()) for path in TESTDATA if path.stem not in ("without_ready", "new")]
    assert len(objects) > 10
    assert kstatus.disagreements(objects) == []


def test_a_disagreement_is_told_with_its_conditions(kstatus: Kstatus) -> None:
    """A writer that leaves Reconciling beside Ready True would keep tools waiting for ever."""
    both = app([*succeeded("done"), *progressing("still")[1:]], 2)
    (line,) = kstatus.disagreements([both])
    assert line.startswith("kstatus says InProgress (still), not Current: generation 2")
