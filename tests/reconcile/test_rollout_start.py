"""Since when workloads are waited for, as an operator that has just started reads it from the status."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kotsapp.reconcile.rollout_start import rollout_started

SINCE = "2026-01-01T12:00:00Z"
T = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
NOW = T + 3600


def healthy(status: str, reason: str, *, generation: int = 2, since: Any = SINCE) -> dict[str, Any]:
    return {"status": status, "reason": reason, "observedGeneration": generation, "lastTransitionTime": since}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param(None, NOW, id="nothing was ever told"),
        pytest.param(healthy("True", "ReconciliationSucceeded"), NOW, id="all was well until now"),
        pytest.param(healthy("Unknown", "Progressing"), T, id="still waited for"),
        pytest.param(healthy("False", "WorkloadsUnhealthy"), T - 600, id="given up after the time that counts"),
        pytest.param(healthy("False", "WorkloadsUnhealthy", generation=1), T, id="given up by another spec's time"),
        pytest.param(healthy("Unknown", "Progressing", since="2030-01-01T00:00:00Z"), NOW, id="a clock went back"),
        pytest.param(healthy("Unknown", "Progressing", since="noon"), NOW, id="no time"),
        pytest.param(healthy("False", "WorkloadsUnhealthy", since=None), NOW - 600, id="given up, no time"),
    ],
)
def test_the_start_is_known_by_the_condition(condition: dict[str, Any] | None, expected: float) -> None:
    assert rollout_started(condition, generation=2, timeout=600, now=NOW) == expected


def test_what_was_given_up_stays_so_until_its_time_is_made_longer() -> None:
    condition = healthy("False", "WorkloadsUnhealthy")
    began = rollout_started(condition, generation=2, timeout=600, now=T + 60)
    assert T + 60 - began >= 600
    assert T + 60 - began < 1200, "twice the time is not over"
