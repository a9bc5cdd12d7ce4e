"""Changing how a workload updates its pods, where the API server refuses that beside what it filled in itself."""

from collections.abc import Mapping
from typing import Any

from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import key_of

_STRATEGIES = {("apps", "Deployment"): "strategy", ("apps", "StatefulSet"): "updateStrategy"}
_ROLLING = "RollingUpdate"
# A StatefulSet updates no pod with a lower ordinal than its partition.
_NO_POD = 2**31 - 1


async def beside_live_strategy(obj: Mapping[str, Any], client: KubeClient) -> Mapping[str, Any] | None:
    """The object with the update strategy of the live one, rolling nothing; None where that is no hindrance.

    The API server fills in how to roll an update, as nobody's field, and refuses it beside a strategy that doesn't
    roll. Once we have applied the field it is ours, and leaving it out takes it away; until then no pod may be updated
    by the old strategy. Raises ApiError.
    """
    key = key_of(obj)
    field = _STRATEGIES.get(key.group_kind)
    spec = obj.get("spec")
    wanted = spec.get(field) if field and isinstance(spec, Mapping) else None
    if not isinstance(wanted, Mapping) or "rollingUpdate" in wanted or wanted.get("type") in (None, _ROLLING):
        return None
    kind = await client.resource_type(key.api_version, key.kind)
    live = await client.get(kind, key.name, key.namespace)
    strategy = ((live or {}).get("spec") or {}).get(field) or {}
    if "rollingUpdate" not in strategy:
        return None
    if key.kind == "Deployment":
        return {**obj, "spec": {**obj["spec"], field: strategy, "paused": True}}
    strategy = {**strategy, "rollingUpdate": {**(strategy["rollingUpdate"] or {}), "partition": _NO_POD}}
    return {**obj, "spec": {**obj["spec"], field: strategy}}
