"""Kinds that CustomResourceDefinitions define: waiting until they are served, refusing those that are not any more."""

from collections.abc import Iterable, Mapping
from typing import Any

from kotsapp.apply.awaiting import Waiting, until
from kotsapp.apply.dependencies import Provided, defined
from kotsapp.apply.refusals import Refusal, RefusedError
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


async def refuse_unserved(
    repaired: Iterable[Mapping[str, Any]], applied: Iterable[Mapping[str, Any]], client: KubeClient
) -> None:
    """Raises RefusedError for repaired objects, which no dry run has seen, whose kind is neither served nor defined by
    what is applied with them. ApiError."""
    provided = Provided.by(applied)
    refusals = []
    for key in map(key_of, repaired):
        if key.group_kind in provided.kinds:
            continue
        try:
            await client.resource_type(key.api_version, key.kind)
        except UnknownKindError as error:
            refusals.append(Refusal(key, str(error), transient=False))
    if refusals:
        raise RefusedError(refusals)
