"""Definitions that a test waits for."""

from typing import Any

from localworld.world import World

KOTSAPPS = "kotsapps.kotsapp.dev"


def wait_established(world: World, name: str = KOTSAPPS) -> None:
    """Until the kind is served. Not by ``kubectl wait``, which fails on a definition that has no conditions yet."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    world.api.wait(path, _is_established)


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
