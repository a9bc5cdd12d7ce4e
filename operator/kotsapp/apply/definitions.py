"""Waiting until the API server serves what a CustomResourceDefinition defines."""

from collections.abc import Mapping
from typing import Any

from kotsapp.apply.awaiting import Waiting, until
from kotsapp.apply.dependencies import defined
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import UnknownKindError
from kotsapp.kube.objects import key_of

CRD_WAIT = 30.0


async def until_served(definition: Mapping[str, Any], client: KubeClient, waiting: Waiting) -> None:
    """Wait, inside of ``waiting``, for a definition that was just applied; raises ApiError after ``CRD_WAIT`` seconds.

    Being established is not enough: discovery shows the kind a moment later.
    """
    key = key_of(definition)
    resource = await client.resource_type(key.api_version, key.kind)
    group, kind = defined(definition)
    versions = [version for version in (definition.get("spec") or {}).get("versions") or () if version.get("served")]

    async def established() -> bool:
        crd = await client.get(resource, key.name)
        conditions = ((crd or {}).get("status") or {}).get("conditions") or ()
        return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)

    async def served() -> bool:
        try:
            for version in versions:
                client.forget_kinds(f"{group}/{version.get('name')}")
                await client.resource_type(f"{group}/{version.get('name')}", kind)
        except UnknownKindError:
            return False
        return True

    await until(established, CRD_WAIT, f"{key} was applied", waiting)
    await until(served, CRD_WAIT, f"{key} was applied", waiting)
