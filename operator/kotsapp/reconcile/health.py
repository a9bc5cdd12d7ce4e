"""How the applied workloads are, from what the watch keeps of them and, for the unwell, from their pods."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from kotsapp.apply.cache import OwnedObjects
from kotsapp.health.assess import Health, WorkloadFacts, assess, facts, has_health, needs_pods
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey

# Up to this many unwell workloads of a namespace have their pods listed one by one, more of them in one list.
FEW = 4

Pods = Sequence[Mapping[str, Any]]


async def check_health(
    client: KubeClient,
    owned: OwnedObjects,
    keys: Iterable[ObjectKey],
    blind: frozenset[tuple[str, str]],
    messages: Mapping[ObjectKey, str],
    *,
    look_at_pods: bool,
) -> dict[ObjectKey, Health]:
    """The health of every workload among ``keys``.

    ``blind`` are (group, kind) pairs that can't be watched; ``messages`` are what was reported before;
    ``look_at_pods`` asks the pods of the unwell why, which is of no use before they had time to fail.
    """
    workloads = [key for key in keys if has_health(key.api_version, key.kind)]
    known = {key: await _facts(client, owned, key, key.group_kind in blind) for key in workloads}
    unwell = {key: fact for key, fact in known.items() if fact is not None and needs_pods(fact)}
    pods = await _pods(client, unwell) if look_at_pods else {}
    return {key: assess(fact, pods.get(key, ()), messages.get(key, "")) for key, fact in known.items()}


async def _facts(client: KubeClient, owned: OwnedObjects, key: ObjectKey, blind: bool) -> WorkloadFacts | None:
    if not blind:
        seen = owned.get(key)
        return None if seen is None else seen.facts
    live = await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
    return None if live is None else facts(live)


async def _pods(client: KubeClient, unwell: Mapping[ObjectKey, WorkloadFacts]) -> dict[ObjectKey, Pods]:
    found: dict[ObjectKey, Pods] = {}
    for namespace, members in groupby(sorted(unwell, key=lambda key: key.namespace), key=lambda key: key.namespace):
        keys = list(members)
        if len(keys) <= FEW:
            lists = await asyncio.gather(*(_list(client, namespace, unwell[key].selector) for key in keys))
            found |= dict(zip(keys, lists, strict=True))
        else:
            # Without selectors, only a pod's controller tells whose it is.
            owned_pods = [pod for pod in await _list(client, namespace, None) if _has_controller(pod)]
            found |= dict.fromkeys(keys, owned_pods)
    return found


async def _list(client: KubeClient, namespace: str, labels: str | None) -> Pods:
    try:
        pods, _ = await client.list(await client.resource_type("v1", "Pod"), namespace, labels=labels)
    except ApiError:
        return ()  # the message is poorer without them, the state is the same
    return pods


def _has_controller(pod: Mapping[str, Any]) -> bool:
    references = (pod.get("metadata") or {}).get("ownerReferences") or ()
    return any(reference.get("controller") for reference in references)
