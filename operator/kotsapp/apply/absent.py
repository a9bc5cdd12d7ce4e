"""Objects that are made where there are none and never changed: definitions as in Helm, namespaces as in KOTS."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from kotsapp.apply.changes import Object
from kotsapp.apply.dependencies import defined
from kotsapp.apply.inventory import Inventory
from kotsapp.apply.plan import Plan
from kotsapp.apply.reader import LiveReader
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import ObjectKey, key_of

_NAMESPACE = "Namespace"


async def without_namespaces(plan: Plan, client: KubeClient) -> Plan:
    """The plan less the namespaces that are there. Raises ApiError.

    To be asked before anything is watched: an account that uses namespaces need not be allowed to watch all of them.
    """
    asked = sorted(key for key in plan.if_absent if key.kind == _NAMESPACE)
    return _without(plan, {key for key in asked if await _is_there(key, client)})


async def without_definitions(plan: Plan, client: KubeClient, inventory: Inventory, reader: LiveReader) -> Plan:
    """The plan less the definitions that are there: Helm leaves them. Raises ApiError."""

    async def is_defined(definition: Object) -> bool:
        """Asked by what is served first, which is known without a request: definitions are large."""
        key = key_of(definition)
        if inventory.get(key) is not None and await reader.get(key) is not None:
            return True
        group, kind = defined(definition)
        for version in (definition.get("spec") or {}).get("versions") or ():
            with contextlib.suppress(UnknownKindError):
                await client.resource_type(f"{group}/{version.get('name')}", kind)
                return True
        return await live(key, client) is not None

    asked = [obj for obj in plan.objects if key_of(obj) in plan.if_absent and obj["kind"] != _NAMESPACE]
    return _without(plan, {key_of(obj) for obj in asked if await is_defined(obj)})


async def live(key: ObjectKey, client: KubeClient) -> Mapping[str, Any] | None:
    """The object as it is; None where there is none, or no such kind. Raises ApiError."""
    try:
        return await client.get(await client.resource_type(key.api_version, key.kind), key.name, key.namespace)
    except UnknownKindError:
        return None


async def _is_there(namespace: ObjectKey, client: KubeClient) -> bool:
    """An account that may not look may use it all the same: what it makes there shows it."""
    try:
        return await live(namespace, client) is not None
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return True
        raise


def _without(plan: Plan, keys: Collection[ObjectKey]) -> Plan:
    if not keys:
        return plan
    phases = (
        replace(phase, objects=tuple(obj for obj in phase.objects if key_of(obj) not in keys)) for phase in plan.phases
    )
    return replace(plan, phases=tuple(phases))
