"""How the applied workloads are, from what the watch keeps of them and, for the unwell, from their pods."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from kotsapp.apply.reader import LiveReader
from kotsapp.health.assess import (
    Health,
    WorkloadFacts,
    WorkloadState,
    assess,
    events_wanted,
    has_health,
    needs_pods,
)
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey

# Up to this many unwell workloads of a namespace have their pods listed one by one, more of them in one list.
FEW = 4
# Pods of a namespace, or events, that are looked at.
MOST = 2_000
_OF_METADATA = frozenset({"annotations", "managedFields"})
_OF_SPEC = frozenset({"ephemeralContainers", "volumes"})
_OF_CONTAINERS = frozenset({"args", "command", "env", "volumeMounts"})

Pods = Sequence[Mapping[str, Any]]


async def check_health(
    reader: LiveReader, keys: Iterable[ObjectKey], before: Mapping[ObjectKey, Health], *, look_at_pods: bool
) -> dict[ObjectKey, Health]:
    """The health of every workload among ``keys``.

    ``before`` is what was reported last; ``look_at_pods`` asks the pods of the unwell why, which is of no use before
    they had time to fail. What was not Ready and says now that it is has its pods looked at in any case: they may be
    between two crashes.
    """
    client = reader.client
    seen = {key: await reader.get(key) for key in keys if has_health(key.api_version, key.kind)}
    known = {key: one.facts if one is not None else None for key, one in seen.items()}
    asked = {
        key: fact
        for key, fact in known.items()
        if fact is not None
        and needs_pods(fact, was_ready=key not in before or before[key].state is WorkloadState.READY)
        and (look_at_pods or fact.state is WorkloadState.READY)
    }
    pods = await _pods(client, asked)
    now = time.time()
    events = await _events(client, asked, pods, now)
    return {
        key: assess(
            fact,
            pods.get(key, ()),
            before[key].message if key in before else "",
            now=now,
            events=events.get(key, ()),
        )
        for key, fact in known.items()
    }


async def _pods(client: KubeClient, unwell: Mapping[ObjectKey, WorkloadFacts]) -> dict[ObjectKey, Pods]:
    found: dict[ObjectKey, Pods] = {}
    for namespace, members in groupby(sorted(unwell, key=lambda key: key.namespace), key=lambda key: key.namespace):
        keys = list(members)
        if len(keys) <= FEW:
            lists = await asyncio.gather(*(_pods_of(client, namespace, unwell[key]) for key in keys))
            found |= dict(zip(keys, lists, strict=True))
        else:
            everyone = await _list(client, namespace, None)
            # Without selectors, only a pod's controller shows whose it is.
            controlled = [pod for pod in everyone if _has_controller(pod)]
            found |= {key: everyone if key.kind == "Pod" else controlled for key in keys}
    return found


async def _pods_of(client: KubeClient, namespace: str, workload: WorkloadFacts) -> Pods:
    if workload.kind != "Pod":
        return await _list(client, namespace, workload.selector)
    return await _list(client, namespace, None, f"metadata.name={workload.name}")


async def _events(
    client: KubeClient, asked: Mapping[ObjectKey, WorkloadFacts], pods: Mapping[ObjectKey, Pods], now: float
) -> dict[ObjectKey, Pods]:
    """What was said of one unwell pod of a workload, for the few workloads of an app whose pods don't say it."""
    wanted = [(key, uid) for key, fact in asked.items() if (uid := events_wanted(fact, pods.get(key, ()), now))]
    few = wanted[:FEW]
    lists = await asyncio.gather(
        *(_list(client, key.namespace, None, f"involvedObject.uid={uid}", "Event") for key, uid in few)
    )
    return {key: events for (key, _), events in zip(few, lists, strict=True)}


async def _list(
    client: KubeClient, namespace: str, labels: str | None, fields: str | None = None, kind: str = "Pod"
) -> Pods:
    found: list[Mapping[str, Any]] = []
    try:
        pages = client.pages(await client.resource_type("v1", kind), namespace, labels=labels, fields=fields)
        async for page in pages:
            found += map(_slim, page.items)
            if len(found) > MOST:
                break
    except ApiError:
        return ()  # the message is poorer without them, the state is the same
    return found


def _slim(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object without what makes one large and says nothing of how it is."""
    metadata = {name: value for name, value in (obj.get("metadata") or {}).items() if name not in _OF_METADATA}
    spec = {
        name: [_slim_container(one) for one in value] if name in ("containers", "initContainers") else value
        for name, value in (obj.get("spec") or {}).items()
        if name not in _OF_SPEC
    }
    return {**obj, "metadata": metadata, "spec": spec}


def _slim_container(container: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in container.items() if name not in _OF_CONTAINERS}


def _has_controller(pod: Mapping[str, Any]) -> bool:
    references = (pod.get("metadata") or {}).get("ownerReferences") or ()
    return any(reference.get("controller") for reference in references)
