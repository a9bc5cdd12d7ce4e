"""An app of many objects leaves the loop to others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from harness.cluster import config_map
from harness.inprocess import operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time
from kotsapp.aside import FEW, Aside

T = TypeVar("T")


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What was computed aside, and for how many objects."""
    found: dict[str, int] = {}
    run = Aside.run

    async def noted(self: Aside, size: int, work: Callable[..., T], *arguments: Any) -> T:
        found[work.__qualname__] = size
        return await run(self, size, work, *arguments)

    monkeypatch.setattr(Aside, "run", noted)
    return found


@in_virtual_time
async def test_what_goes_through_all_objects_is_computed_aside(signer: Signer, aside: dict[str, int]) -> None:
    many = 2 * FEW
    async with operating(signer) as operator:
        operator.put_app(*[config_map(f"settings-{number}", a="1") for number in range(many)])
        await operator.until_ready()

    assert aside == dict.fromkeys(("make_plan", "used_in", "learn_release", "PlanDigests.of"), many)
