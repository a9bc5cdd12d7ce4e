"""Statuses as steps of a reconciliation make them."""

from typing import Any

from kotsapp.api.conditions import Condition
from kotsapp.apply.inventory import Inventory
from kotsapp.reconcile.status import Findings, build

EARLIER, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"


def by_type(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in status["conditions"]}


def made(before: dict[str, Any], *conditions: Condition, generation: int = 1, **found: Any) -> dict[str, Any]:
    inventory = found.pop("inventory", None) or Inventory.from_status(before.get("inventory") or ())
    return build(before, Findings(conditions=conditions, **found), inventory, generation, NOW)
