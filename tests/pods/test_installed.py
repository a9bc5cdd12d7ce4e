"""Whether the policy holds in a namespace."""

from typing import Any

import pytest

from harness.cluster import NAMESPACE, fake_cluster
from harness.fakekube import FakeApi, connect
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.kube.errors import ApiError
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods import policy
from kotsapp.pods.installed import KEPT, Obstacle, PolicyLook


def cluster(*parts: dict[str, Any], label: str | None = policy.LABEL_VALUE) -> FakeApi:
    api = fake_cluster(NAMESPACE, "other")
    api.change("Namespace", NAMESPACE, {"metadata": {"labels": {ROUTED_LABEL: label}}})
    for part in parts:
        api.put(part)
    return api


@pytest.mark.parametrize(
    ("parts", "label", "expected"),
    [
        ((policy.policy(), policy.binding()), policy.LABEL_VALUE, None),
        ((policy.policy(),), policy.LABEL_VALUE, Obstacle.MISSING),
        ((policy.binding(),), policy.LABEL_VALUE, Obstacle.MISSING),
        ((), policy.LABEL_VALUE, Obstacle.MISSING),
        ((policy.policy(), policy.binding()), None, Obstacle.NOT_LABELLED),
        ((policy.policy(), policy.binding()), "disabled", Obstacle.NOT_LABELLED),
    ],
)
def test_what_is_in_the_way(parts: tuple[dict[str, Any], ...], label: str | None, expected: Obstacle | None) -> None:
    @in_virtual_time
    async def scenario() -> None:
        assert await PolicyLook(connect(cluster(*parts, label=label))).obstacle(NAMESPACE) is expected

    scenario()


@in_virtual_time
async def test_who_may_not_look_takes_it_for_missing() -> None:
    """The right to look comes with the policy."""
    api = cluster(policy.policy(), policy.binding())
    api.rights.deny(resource="mutatingadmissionpolicies")
    assert await PolicyLook(connect(api)).obstacle(NAMESPACE) is Obstacle.MISSING


@in_virtual_time
async def test_a_failure_is_no_answer() -> None:
    api = cluster(policy.policy(), policy.binding())
    api.fail(500, times=100)
    with pytest.raises(ApiError):
        await PolicyLook(connect(api)).obstacle(NAMESPACE)


@in_virtual_time
async def test_one_look_serves_all_apps_for_a_while() -> None:
    api = cluster()
    look = PolicyLook(connect(api))
    assert await look.obstacle(NAMESPACE) is Obstacle.MISSING
    api.put(policy.policy())
    api.put(policy.binding())
    assert await look.obstacle("other") is Obstacle.MISSING
    asked = [record for record in api.audit if record.kind == policy.POLICY_KIND]
    assert len(asked) == 1
    await quiet(KEPT + 1)
    assert await look.obstacle(NAMESPACE) is None
    assert await look.obstacle("other") is Obstacle.NOT_LABELLED
