"""A restarted container counts as up once it has run for longer than what its own past makes one doubt."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kotsapp.health.restarts import is_over, settles_at

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def container(name: str, restarts: int, *, ran: float | None = None, down: float = 0, **more: Any) -> dict[str, Any]:
    """One that was started at START, after it had run for ``ran`` seconds and been down for ``down``."""
    status: dict[str, Any] = {"name": name, "restartCount": restarts, "state": {"running": {"startedAt": at(0)}}}
    if ran is not None:
        status["lastState"] = {"terminated": {"startedAt": at(-down - ran), "finishedAt": at(-down), "exitCode": 1}}
    return status | more


def waits(*containers: dict[str, Any], init: Any = (), spec: Any = None) -> float | None:
    pod = {"spec": spec or {}, "status": {"containerStatuses": [*containers], "initContainerStatuses": [*init]}}
    moment = settles_at(pod)
    return None if moment is None else moment - START.timestamp()


@pytest.mark.parametrize(
    ("ran", "down", "expected"),
    [
        pytest.param(1, 0, 10, id="the kubelet's first back-off at least"),
        pytest.param(1, 40, 40, id="as long as it was held back"),
        pytest.param(30, 10, 60, id="twice as long as it ran"),
        pytest.param(200, 300, 300, id="the longest back-off at most"),
        pytest.param(1, 3600, 300, id="its node was away"),
        pytest.param(86400, 5, 10, id="it had run for a day"),
        pytest.param(None, 0, 10, id="its past is not known"),
    ],
)
def test_how_long_a_restarted_container_must_run(ran: float | None, down: float, expected: float) -> None:
    assert waits(container("main", 3, ran=ran, down=down)) == expected


def test_what_never_was_restarted_or_does_not_run_is_not_waited_for() -> None:
    down = container("main", 2, ran=1, state={"waiting": {"reason": "CrashLoopBackOff"}})
    assert waits(container("main", 0)) is None
    assert waits(down) is None
    assert waits(container("main", 1, state={"running": {"startedAt": "soon"}})) is None
    assert waits(container("main", 1, state={"running": {}})) is None


def test_the_last_of_a_pods_containers_counts_and_of_its_init_containers_only_sidecars() -> None:
    spec = {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}, {"name": "migrate"}]}
    init = [container("proxy", 1, ran=20), container("migrate", 9, ran=100)]
    assert waits(container("main", 1, ran=1), container("other", 1, ran=9), init=init, spec=spec) == 40


def test_a_clock_that_is_ahead_holds_nothing_up_for_ever() -> None:
    assert is_over(None, 0)
    assert is_over(100.0, 100.0)
    assert not is_over(100.0, 99.0)
    assert is_over(100.0 + 3600, 100.0)
