"""A look at an app of which nothing has changed reads no manifests and writes nothing."""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.release import jobs
from kotsapp.release.store import MAX_AT_HAND, Packed, StoredRelease


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What readers were asked to render."""
    asked: list[Any] = []

    def render(*arguments: Any) -> Any:
        asked.append(arguments)
        return jobs.render(*arguments)

    monkeypatch.setitem(jobs.JOBS, "render", render)
    yield asked


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Which stored releases readers were asked for."""
    asked: list[Any] = []

    def stored(packed: Packed) -> StoredRelease:
        asked.append(packed.revision)
        return jobs.stored(packed)

    monkeypatch.setitem(jobs.JOBS, "stored", stored)
    yield asked


@asynccontextmanager
async def rolled_out(signer: Signer, made: dict[str, Any]) -> AsyncIterator[Operator]:
    """An operator with an app of one object, which is Ready."""
    async with operating(signer) as operator:
        operator.put_license()
        operator.put_app(made)
        await operator.until_ready()
        yield operator


def looks(operator: Operator) -> float:
    samples = (sample for family in operator.registry.collect() for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "kotsapp_reconciliations_total")


async def look(operator: Operator) -> None:
    """Somebody touches the license's Secret; whatever is done about it is over when this returns."""
    before = looks(operator)
    operator.api.change("Secret", "my-license", {"metadata": {"annotations": {"touched": str(before)}}}, NAMESPACE)
    await until(lambda: looks(operator) > before)
    await quiet(5)


@in_virtual_time
async def test_small_manifests_are_read_once(signer: Signer, rendered: list[Any]) -> None:
    async with rolled_out(signer, config_map(a="1")) as operator:
        writes = len(operator.api.writes())
        for _ in range(3):
            await look(operator)
        assert (len(rendered), len(operator.api.writes())) == (1, writes)


@in_virtual_time
async def test_drift_is_repaired_from_what_is_at_hand(signer: Signer, rendered: list[Any]) -> None:
    async with rolled_out(signer, config_map(a="1")) as operator:
        await look(operator)
        operator.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, NAMESPACE)
        await until(lambda: operator.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "1"})
        assert len(rendered) == 1


@in_virtual_time
async def test_changed_manifests_are_read(signer: Signer, rendered: list[Any]) -> None:
    async with rolled_out(signer, config_map(a="1")) as operator:
        operator.put_app(config_map(a="2"))
        await until(lambda: operator.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "2"})
        await operator.until_ready()
        await look(operator)
        assert len(rendered) == 2
        operator.put_app(config_map(a="1"))
        await until(lambda: operator.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "1"})
        assert len(rendered) == 3


@in_virtual_time
async def test_large_ones_are_let_go_of(signer: Signer, rendered: list[Any]) -> None:
    async with rolled_out(signer, config_map(a=random.Random(1).randbytes(2 * MAX_AT_HAND).hex())) as operator:
        await look(operator)
        assert len(rendered) == 2


@in_virtual_time
@pytest.mark.usefixtures("helm_on_path")
async def test_a_stored_release_is_read_once_until_somebody_touches_its_secret(
    signer: Signer, opened: list[Any]
) -> None:
    async with rolled_out(signer, config_map(a="{{repl RandomString 20}}")) as operator:
        drawn = operator.api.live("ConfigMap", "settings", NAMESPACE)["data"]
        for _ in range(3):
            await look(operator)
        assert opened == [1]

        touched = {"metadata": {"annotations": {"touched": "1"}}}
        operator.api.change("Secret", "my-app.release.v1", touched, NAMESPACE)
        for _ in range(3):
            await look(operator)
        assert opened == [1, 1]
        assert operator.api.live("ConfigMap", "settings", NAMESPACE)["data"] == drawn

        operator.api.change("Secret", "my-app.release.v1", {"data": {"release": "AAAA"}}, NAMESPACE)
        await look(operator)
        assert operator.ready() == ("False", "RenderFailed")
