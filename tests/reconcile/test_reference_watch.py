"""Which changes of Secrets and ConfigMaps are told, whatever becomes of the watch; and that none is read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from harness.cluster import NAMESPACE, config_map, fake_cluster, obj
from harness.fakekube import FakeApi, Match, connect
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.reconcile.reference_watch import ReferenceWatch

WATCHES = Match("watch", "Secret")


@dataclass(slots=True)
class Watching:
    api: FakeApi
    watch: ReferenceWatch
    changes: list[tuple[str, str, str]]
    gaps: list[tuple[str, str]] = field(default_factory=list)

    def write(self, name: str, namespace: str = NAMESPACE) -> None:
        self.api.put(obj("Secret", name, namespace=namespace, data={"license": "c2VjcmV0"}))

    async def reported(self) -> list[str]:
        await quiet(30)
        names = [name for _, _, name in self.changes]
        self.changes.clear()
        return names


@asynccontextmanager
async def watching(*namespaces: str) -> AsyncIterator[Watching]:
    api = fake_cluster(NAMESPACE, "other")
    changes: list[tuple[str, str, str]] = []
    gaps: list[tuple[str, str]] = []
    watch = ReferenceWatch(connect(api), lambda *change: changes.append(change), lambda *gap: gaps.append(gap))
    seen = Watching(api, watch, changes, gaps)
    seen.write("before")
    try:
        for namespace in namespaces:
            await watch.follow("Secret", namespace)
        await until(lambda: len(api.watches()) == len(namespaces))
        yield seen
    finally:
        await watch.close()


@in_virtual_time
async def test_every_change_from_now_on_is_told_by_name() -> None:
    async with watching(NAMESPACE) as seen:
        seen.write("new")
        seen.api.change("Secret", "before", {"data": {"license": "eA=="}}, NAMESPACE)
        seen.api.delete("Secret", "new", NAMESPACE)
        seen.write("elsewhere", "other")
        seen.api.put(config_map("of-another-kind"))

        assert await seen.reported() == ["new", "before", "new"]


@in_virtual_time
async def test_no_secret_is_read() -> None:
    async with watching(NAMESPACE) as seen:
        seen.write("new")
        await seen.reported()

        assert not [request for request in seen.api.requests() if request.startswith("get Secret")]
        assert {record.verb for record in seen.api.audit if record.kind == "Secret"} == {"list", "watch"}


@pytest.mark.parametrize("how", ["end", "cut"])
@in_virtual_time
async def test_what_changes_while_the_watch_is_cut_is_told_afterwards(how: str) -> None:
    async with watching(NAMESPACE) as seen:
        with seen.api.paused(WATCHES) as pause:
            seen.api.end_watches(how)
            await pause.reached.wait()
            seen.write("meanwhile")

        assert await seen.reported() == ["meanwhile"]
        assert seen.gaps == [], "nothing was missed"


@in_virtual_time
async def test_a_gap_is_told_once_for_the_namespace() -> None:
    async with watching(NAMESPACE) as seen:
        seen.api.end_watches("expire")
        await seen.reported()
        assert seen.gaps == [("Secret", NAMESPACE)]

        seen.write("later")
        assert await seen.reported() == ["later"]


@in_virtual_time
async def test_a_right_that_is_missing_holds_nobody_up_and_is_found_again() -> None:
    async with watching() as seen:
        denial = seen.api.rights.deny(resource="secrets")
        await seen.watch.follow("Secret", NAMESPACE)

        seen.api.rights.allow(denial)
        await until(seen.api.watches)
        seen.write("new")
        assert await seen.reported() == ["new"]
        assert seen.gaps == [("Secret", NAMESPACE)], "what happened before is not known"


@in_virtual_time
async def test_failures_of_the_server_are_outlasted() -> None:
    async with watching() as seen:
        seen.api.fail(500, times=3)
        seen.api.fail(0, times=3, match=WATCHES)
        await seen.watch.follow("Secret", NAMESPACE)
        await until(seen.api.watches)
        seen.write("new")

        assert await seen.reported() == ["new"]


@in_virtual_time
async def test_a_namespace_is_followed_once_and_left_alone_afterwards() -> None:
    async with watching(NAMESPACE, "other") as seen:
        await seen.watch.follow("Secret", NAMESPACE)
        await quiet()
        assert seen.api.watches() == ["Secret", "Secret"]

        seen.watch.unfollow("other")
        await quiet()
        assert seen.api.watches() == ["Secret"]
