"""How the applied workloads are, from what the watch keeps of them and, for the unwell, from their pods."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kotsapp.cluster.client import KubeClient
from kotsapp.cluster.errors import ApiError
from kotsapp.cluster.health import Health, WorkloadFacts, assess, facts, has_health, needs_pods
from kotsapp.cluster.objects import ObjectKey
from kotsapp.cluster.owned import OwnedObjects

MAX_POD_LISTS = 8


async def check_health(
    client: KubeClient,
    owned: OwnedObjects,
    keys: Iterable[ObjectKey],
    blind: frozenset[tuple[str, str]],
    messages: Mapping[ObjectKey, str],
) -> dict[ObjectKey, Health]:
    """The health of every workload among ``keys``.

    ``blind`` are (group, kind) pairs that can't be watched; ``messages`` are what was reported before.
    """
    workloads = [key for key in keys if has_health(key.api_version, key.kind)]
    gate = asyncio.Semaphore(MAX_POD_LISTS)

    async def one(key: ObjectKey) -> Health:
        known = await _facts(client, owned, key, key.group_kind in blind)
        if known is None or not needs_pods(known):
            return assess(known)
        async with gate:
            return assess(known, await _pods(client, key, known), messages.get(key, ""))

    return dict(zip(workloads, await asyncio.gather(*(one(key) for key in workloads)), strict=True))


async def _facts(client: KubeClient, owned: OwnedObjects, key: ObjectKey, blind: bool) -> WorkloadFacts | None:
    if not blind:
        seen = owned.get(key)
        return None if seen is None else seen.facts
    live = await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
    return None if live is None else facts(live)


async def _pods(client: KubeClient, key: ObjectKey, known: WorkloadFacts) -> Sequence[Mapping[str, Any]]:
    try:
        pods, _ = await client.list(await client.resource_type("v1", "Pod"), key.namespace, labels=known.selector)
    except ApiError:
        return ()  # the message is poorer without them, the state is the same
    return pods
