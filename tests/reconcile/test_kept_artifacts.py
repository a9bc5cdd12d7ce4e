"""What was fetched last is kept, over restarts and losses, and is not held in memory."""

import random
from typing import Any

import pytest
import yaml

from harness.channel_apps import follow, release_object, rolled_out, running
from harness.cluster import NAMESPACE, config_map, deployment, well
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.reconcile.kept_artifacts import MAX_AT_HAND, at_hand
from kotsapp.sources.artifact import Artifact


def kept(operator: Operator) -> list[str]:
    return sorted(
        s["metadata"]["name"] for s in operator.api.all("Secret", NAMESPACE) if "source" in s["metadata"]["name"]
    )


@in_virtual_time
@pytest.mark.parametrize("lost", ["content", "index", "changed"])
async def test_what_is_lost_of_what_was_kept_is_fetched_and_kept_anew(
    signer: Signer, web: VendorWeb, lost: str
) -> None:
    async with rolled_out(signer, web) as operator:
        api = operator.api
    before = kept(operator)
    assert len(before) == 2
    name = before[1] if lost == "index" else before[0]
    if lost == "changed":
        api.change("Secret", name, {"data": {"content": "b3RoZXI="}}, NAMESPACE)
    else:
        api.delete("Secret", name, NAMESPACE)

    async with operating(signer, api, web=web) as operator:
        await until(lambda: kept(operator) == before)
        await quiet(30)
        assert running(operator) == "1.0.0"
        assert operator.ready()[0] == "True"
    asked = len(web.vendor.asked("release"))
    web.down = True
    async with operating(signer, api, web=web) as operator:
        await quiet(30)
        assert "is used on" in operator.condition("SourcesReady")["message"]
    assert len(web.vendor.asked("release")) == asked


@in_virtual_time
async def test_an_app_that_has_its_manifests_elsewhere_now_keeps_nothing(signer: Signer, web: VendorWeb) -> None:
    async with rolled_out(signer, web) as operator:
        operator.put_app(config_map(a="1"))
        await until(lambda: operator.api.get("ConfigMap", "settings", NAMESPACE) is not None)
        await operator.until_ready()

        assert kept(operator) == []
        assert operator.condition("SourcesReady") == {}
        assert "release" not in operator.status()
        asked = len(web.vendor.requests)
        await quiet(3000)
        assert len(web.vendor.requests) == asked


@in_virtual_time
async def test_an_app_without_anything_is_not_looked_for_each_time_it_is_woken(signer: Signer, web: VendorWeb) -> None:
    web.down = True
    web.vendor.requests.clear()
    calls: list[float] = []
    get = web.get

    async def counted(question: Any) -> Any:
        calls.append(0.0)
        return await get(question)

    web.get = counted  # type: ignore[method-assign]
    async with operating(signer, web=web) as operator:
        follow(operator, interval="10m", config={"valuesFrom": [{"configMapRef": {"name": "answers"}}]})
        await operator.until_reason("SourceUnavailable")
        await quiet(2)
        before = len(calls)
        for number in range(20):
            operator.api.put({**config_map("answers", a=str(number))})
            await quiet(0.3)

        assert len(calls) <= before + 2


@in_virtual_time
async def test_a_large_release_is_not_held_in_memory_and_rolls_out_all_the_same(signer: Signer, web: VendorWeb) -> None:
    made = deployment("web", "quay.io/my-org/web:1")
    del made["metadata"]["namespace"]
    large = random.Random(1).randbytes(MAX_AT_HAND + MAX_AT_HAND // 2)
    web.vendor.publish("2.0.0", {"app.yaml": yaml.safe_dump_all([release_object("2.0.0"), made]), "logo.png": large})
    async with operating(signer, web=web) as operator:
        follow(operator)
        await until(lambda: operator.api.get("Deployment", "web", NAMESPACE) is not None)
        await quiet(60)
        live = operator.api.live("Deployment", "web", NAMESPACE)
        operator.api.change("Deployment", "web", {"status": well(live)}, NAMESPACE)
        await operator.until_ready()

        assert len(kept(operator)) > 2
        assert len(web.vendor.asked("release")) == 1


@in_virtual_time
async def test_what_turns_out_to_need_a_larger_share_is_fetched_and_reported_once(
    signer: Signer, web: VendorWeb
) -> None:
    # Begun anew after it was fetched and kept: packed it is 1.5 MiB, and counts thrice.
    texts = [random.Random(number).randbytes(250_000).hex() for number in range(6)]
    objects = {f"{number}.yaml": yaml.safe_dump(config_map(f"c{number}", a=a)) for number, a in enumerate(texts)}
    web.vendor.publish("1.1.0", {"app.yaml": yaml.safe_dump(release_object("1.1.0")), **objects})
    async with rolled_out(signer, web) as operator:
        assert running(operator) == "1.1.0"
        assert operator.events().count("ReleaseFound") == 1
        assert len(web.vendor.asked("release")) == 1
        assert operator.events().count("ReleaseRolledOut") == 1


def test_what_is_large_is_not_at_hand() -> None:
    small, large = (Artifact("1", "", bytes(size)) for size in (MAX_AT_HAND, MAX_AT_HAND + 1))

    assert at_hand({"small": small, "large": large}, lambda *_: True) == {"small": small}
    assert at_hand({"small": small}, lambda *_: False) == {}
