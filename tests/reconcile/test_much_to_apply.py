"""An app that brings much leaves the loop to others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from harness.cluster import config_map
from harness.inprocess import operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time
from kotsapp.aside import FEW_VALUES, Aside

T = TypeVar("T")


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether it was computed in another thread than the loop's, by what was computed."""
    found: dict[str, bool] = {}
    run, loops = Aside.run, threading.get_ident()

    async def noted(self: Aside, objects: Sequence[Any], work: Callable[..., T], *arguments: Any) -> T:
        def noting(*given: Any) -> T:
            found[work.__qualname__] = threading.get_ident() != loops
            return work(*given)

        return await run(self, objects, noting, *arguments)

    monkeypatch.setattr(Aside, "run", noted)
    return found


@in_virtual_time
@pytest.mark.parametrize(("count", "keys"), [(2, 1), (FEW_VALUES // 4, 1), (2, FEW_VALUES)])
async def test_what_goes_through_all_objects_is_computed_aside_unless_they_are_small(
    signer: Signer, aside: dict[str, bool], count: int, keys: int
) -> None:
    data = {f"k{number}": "" for number in range(keys)}
    async with operating(signer) as operator:
        operator.put_app(*[config_map(f"settings-{number}", **data) for number in range(count)])
        await operator.until_ready()

    assert aside == dict.fromkeys(("make_plan", "used_in", "learn_release", "PlanDigests.of"), count * keys > 2)
