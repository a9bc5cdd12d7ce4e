"""What is asked of the API server to know how workloads are: nothing while they are well."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from kotsapp.apply.reader import LiveReader
from kotsapp.health.assess import Health, WorkloadState, facts
from kotsapp.kube.client import Page
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey
from kotsapp.reconcile.health import check_health

READY = Health(WorkloadState.READY)
UNWELL = Health(WorkloadState.UNAVAILABLE, "0 of 1 replicas ready")


class Cluster:
    """A client and a view of its objects; ``asked`` are the lists that were made: (kind, labels, fields)."""

    def __init__(self, *pods: dict[str, Any], events: Any = ()) -> None:
        self.asked: list[tuple[str, str | None, str | None]] = []
        self._lists: dict[str, Any] = {"Pod": list(pods), "Event": events}
        self._seen: dict[ObjectKey, Any] = {}

    def add(self, name: str, ready: int) -> ObjectKey:
        key = ObjectKey("apps/v1", "Deployment", "apps", name)
        obj = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "uid": name, "generation": 1},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready},
        }
        self._seen[key] = SimpleNamespace(facts=facts(obj))
        return key

    def get(self, key: ObjectKey) -> Any:
        return self._seen.get(key)

    async def resource_type(self, _api_version: str, kind: str) -> str:
        return kind

    async def pages(
        self, kind: str, _namespace: str, *, labels: str | None = None, fields: str | None = None
    ) -> AsyncIterator[Page]:
        self.asked.append((kind, labels, fields))
        found = self._lists[kind]
        if isinstance(found, ApiError):
            raise found
        yield Page(found, "1")

    async def check(self, before: dict[ObjectKey, Health], *, look_at_pods: bool = True) -> dict[ObjectKey, Health]:
        cluster: Any = self
        reader = LiveReader(cluster, cluster, frozenset())
        return await check_health(reader, list(self._seen), before, look_at_pods=look_at_pods)


def pod(name: str, container: dict[str, Any]) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": f"{name}-1", "controller": True}
    metadata = {"name": f"{name}-1-x", "uid": f"{name}-pod", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        "metadata": {**metadata, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", **container}]},
    }


def restarted() -> dict[str, Any]:
    started = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    down = {"exitCode": 1, "startedAt": started, "finishedAt": started}
    state = {"running": {"startedAt": started}}
    return {"ready": True, "restartCount": 3, "state": state, "lastState": {"terminated": down}}


CREATING = {"ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}


@pytest.mark.parametrize("known", [True, False])
async def test_what_is_well_costs_nothing(known: bool) -> None:
    cluster = Cluster()
    keys = [cluster.add(f"w{i}", 1) for i in range(3)]
    assert await cluster.check(dict.fromkeys(keys, READY) if known else {}) == dict.fromkeys(keys, READY)
    assert cluster.asked == []


@pytest.mark.parametrize("look_at_pods", [True, False])
async def test_what_has_just_become_ready_has_its_pods_looked_at(look_at_pods: bool) -> None:
    cluster = Cluster(pod("api", restarted()))
    key, fine = cluster.add("api", 1), cluster.add("web", 1)

    found = await cluster.check({key: UNWELL, fine: READY}, look_at_pods=look_at_pods)

    assert found[fine] == READY
    assert found[key] == Health(WorkloadState.UNAVAILABLE, "container main: CrashLoopBackOff: exit code 1")
    assert cluster.asked == [("Pod", "app=api", None)]


async def test_events_are_read_of_the_pod_that_does_not_say_why() -> None:
    events = [{"reason": "FailedMount", "message": "no such Secret", "involvedObject": {"uid": "api-pod"}}]
    cluster = Cluster(pod("api", CREATING), events=events)
    key = cluster.add("api", 0)

    assert (await cluster.check({}))[key].message == "FailedMount: no such Secret"
    assert cluster.asked[1:] == [("Event", None, "involvedObject.uid=api-pod")]


async def test_a_forbidden_list_of_events_leaves_the_state_and_a_poorer_message() -> None:
    cluster = Cluster(pod("api", CREATING), events=ApiError(403, "Forbidden", "may not"))
    key = cluster.add("api", 0)
    assert (await cluster.check({}))[key] == UNWELL


async def test_events_of_a_few_stand_for_many() -> None:
    cluster = Cluster(*(pod(f"w{i}", CREATING) for i in range(30)))
    for i in range(30):
        cluster.add(f"w{i}", 0)
    await cluster.check({})
    assert [kind for kind, _, _ in cluster.asked].count("Pod") == 1
    assert [kind for kind, _, _ in cluster.asked].count("Event") <= 4
