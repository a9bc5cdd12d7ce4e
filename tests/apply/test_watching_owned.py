"""What the cache knows of live objects, and whom it tells, whatever becomes of its watches."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from harness.cluster import (
    APP,
    Woken,
    config_map,
    deployment,
    fake_cluster,
    key,
    owned_by,
    watched_objects,
    widget,
    widgets,
)
from harness.fakekube import FakeApi, Match, connect
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.apply.cache import FIRST_LIST_TIMEOUT, OwnedObjects
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import Owner, key_of
from kotsapp.kube.reflector import RELIST

LISTS, WATCHES = Match("list", "ConfigMap"), Match("watch", "ConfigMap")
Object = dict[str, Any]


@dataclass(slots=True)
class Watching:
    api: FakeApi
    client: KubeClient
    cache: OwnedObjects
    woken: Woken

    async def follow(self, made: Object, owner: Owner = APP) -> bool:
        kind = await self.client.resource_type(made["apiVersion"], made["kind"])
        return await self.cache.follow(kind, None, self.client, owner)

    def relists(self) -> int:
        return self.api.requests().count("list ConfigMap")

    def knows(self, made: Object) -> bool:
        return self.cache.get(key_of(made)) is not None

    async def caught_up(self) -> None:
        """What has happened until now has been seen."""
        await quiet(30)


@asynccontextmanager
async def watching(*there: Object) -> AsyncIterator[Watching]:
    """These objects are there, applied by us for ``APP``; the first one's kind is watched."""
    api = fake_cluster()
    client = connect(api)
    for made in there:
        await client.apply(owned_by(APP, made))
    cache, woken = watched_objects()
    seen = Watching(api, client, cache, woken)
    try:
        if there:
            assert await seen.follow(there[0])
            await until(api.watches)
        api.audit.clear()
        woken.take()
        yield seen
    finally:
        await cache.close()


@in_virtual_time
async def test_what_is_there_is_known_and_nobody_is_told() -> None:
    api = fake_cluster()
    await connect(api).apply(owned_by(APP, config_map("mine", a="1")))
    api.put(config_map("a-strangers"))
    cache, woken = watched_objects()
    seen = Watching(api, connect(api), cache, woken)

    assert await seen.follow(config_map())

    assert seen.knows(config_map("mine"))
    assert not seen.knows(config_map("a-strangers"))
    assert woken.take() == []
    await cache.close()


@in_virtual_time
async def test_who_owns_it_is_told_when_somebody_changes_it_or_deletes_it() -> None:
    async with watching(config_map(a="1")) as seen:
        seen.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, "apps")
        await seen.caught_up()
        assert seen.woken.take() == [APP]

        seen.api.delete("ConfigMap", "settings", "apps")
        await seen.caught_up()
        assert seen.woken.take() == [APP]
        assert not seen.knows(config_map())


@in_virtual_time
async def test_who_is_named_by_labels_that_anybody_can_write_is_not_told() -> None:
    async with watching(config_map(a="1")) as seen:
        seen.cache.expect(APP, [key_of(config_map())])
        forged = owned_by(APP, config_map("forged", namespace="apps", a="1"))
        seen.api.put(forged)
        for value in ("2", "3"):
            seen.api.change("ConfigMap", "forged", {"data": {"a": value}}, "apps")
        seen.api.delete("ConfigMap", "forged", "apps")
        await seen.caught_up()
        assert seen.woken.take() == []

        seen.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, "apps")
        await seen.caught_up()
        assert seen.woken.take() == [APP], "of what is its own it is"


@in_virtual_time
async def test_fields_that_nobody_applied_are_nobodys_business() -> None:
    async with watching(config_map(a="1")) as seen:
        seen.api.change("ConfigMap", "settings", {"data": {"b": "theirs"}}, "apps")
        await seen.caught_up()

        assert seen.woken.take() == []


@in_virtual_time
async def test_a_workload_tells_when_its_health_changes() -> None:
    async with watching(deployment()) as seen:
        status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
        seen.api.change("Deployment", "shop", {"status": {**status, "availableReplicas": 1}}, "apps")
        await seen.caught_up()

        assert seen.woken.take() == [APP]


@in_virtual_time
async def test_what_is_being_applied_tells_nobody() -> None:
    async with watching(config_map(a="1")) as seen:
        changed = owned_by(APP, config_map(a="2"))
        with seen.cache.applying(key(changed)):
            seen.cache.note(await seen.client.apply(changed), key(changed))
            await seen.caught_up()

        assert seen.woken.take() == []


@in_virtual_time
async def test_a_watch_that_is_faster_than_our_own_answer_tells_nobody_either() -> None:
    async with watching(config_map(a="1")) as seen:
        changed = owned_by(APP, config_map(a="2", b="2"))
        with seen.cache.applying(key(changed)):
            live = await seen.client.apply(changed)
            await seen.caught_up()
            seen.cache.note(live, key(changed))

        assert seen.woken.take() == []


@in_virtual_time
async def test_a_watch_that_lags_behind_does_not_bring_back_what_was_repaired() -> None:
    async with watching(config_map(a="1")) as seen:
        mine = owned_by(APP, config_map(a="1"))
        with seen.api.paused(WATCHES) as pause:
            seen.api.end_watches("cut")
            await pause.reached.wait()
            seen.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, "apps")
            with seen.cache.applying(key(mine)):
                seen.cache.note(await seen.client.apply(mine), key(mine))
        await seen.caught_up()

        assert seen.woken.take() == []


@pytest.mark.parametrize("how", ["end", "cut", "expire"])
@in_virtual_time
async def test_what_happens_while_no_watch_stands_is_seen_afterwards(how: str) -> None:
    there = [config_map(name, a="1") for name in ("changed", "deleted", "same")]
    async with watching(*there) as seen:
        with seen.api.paused(WATCHES) as pause:
            seen.api.end_watches(how)
            await pause.reached.wait()
            seen.api.change("ConfigMap", "changed", {"data": {"a": "2"}}, "apps")
            seen.api.delete("ConfigMap", "deleted", "apps")
        await seen.caught_up()

        assert seen.woken.take() == [APP, APP]
        assert [seen.knows(one) for one in there] == [True, False, True]


@pytest.mark.parametrize(("how", "lists"), [("end", 0), ("cut", 0), ("expire", 1)])
@in_virtual_time
async def test_all_is_listed_again_only_when_the_servers_memory_does_not_reach_back(how: str, lists: int) -> None:
    async with watching(config_map(a="1")) as seen:
        seen.api.end_watches(how)
        await seen.caught_up()

        assert seen.relists() == lists
        assert seen.api.watches() == ["ConfigMap"]
        assert seen.woken.take() == []


@in_virtual_time
async def test_a_watch_from_before_what_the_server_remembers_is_begun_anew() -> None:
    async with watching(config_map(a="1")) as seen:
        with seen.api.paused(WATCHES) as pause:
            seen.api.end_watches("cut")
            await pause.reached.wait()
            seen.api.change("ConfigMap", "settings", {"data": {"a": "2"}}, "apps")
            seen.api.compact()
        await seen.caught_up()

        assert seen.woken.take() == [APP]
        assert seen.relists() == 1


@in_virtual_time
async def test_bookmarks_keep_a_quiet_watch_young() -> None:
    async with watching(config_map(a="1")) as seen:
        for number in range(3):
            seen.api.put(config_map(f"other-{number}"))
        seen.api.bookmark()
        await seen.caught_up()
        seen.api.compact()

        seen.api.end_watches("cut")
        await seen.caught_up()

        assert seen.relists() == 0


@in_virtual_time
async def test_an_object_made_while_the_list_was_on_its_way_is_not_taken_for_gone() -> None:
    async with watching(config_map(a="1")) as seen:
        new = owned_by(APP, config_map("new"))
        with seen.api.paused(LISTS, answered=True) as pause:
            seen.api.end_watches("expire")
            await pause.reached.wait()
            with seen.cache.applying(key(new)):
                seen.cache.note(await seen.client.apply(new), key(new))
        await seen.caught_up()

        assert seen.knows(new)
        assert seen.woken.take() == []


@in_virtual_time
async def test_an_object_that_is_applied_anew_while_the_old_one_goes_is_not_lost() -> None:
    """The watch tells of the old one's end after the new one was noted."""
    async with watching(config_map(a="1")) as seen:
        mine = owned_by(APP, config_map(a="1"))
        with seen.api.paused(WATCHES) as pause:
            seen.api.end_watches("cut")
            await pause.reached.wait()
            seen.api.delete("ConfigMap", "settings", "apps")
            with seen.cache.applying(key(mine)):
                live = await seen.client.apply(mine)
                seen.cache.note(live, key(mine))
        await seen.caught_up()

        found = seen.cache.get(key(mine))
        assert found is not None
        assert found.uid == live["metadata"]["uid"]
        assert seen.woken.take() == []


@in_virtual_time
async def test_who_may_not_watch_is_told_so_and_watches_once_it_may() -> None:
    async with watching() as seen:
        denial = seen.api.rights.deny(verb="list", resource="configmaps")
        assert not await seen.follow(config_map())
        await seen.client.apply(owned_by(APP, config_map(a="1")))

        seen.api.rights.allow(denial)
        await until(seen.api.watches)

        assert await seen.follow(config_map())
        assert seen.knows(config_map())


@in_virtual_time
async def test_a_right_that_is_missing_for_a_moment_is_waited_for() -> None:
    async with watching(config_map(a="1")) as seen:
        denial = seen.api.rights.deny(verb="watch", resource="configmaps")
        seen.api.end_watches()
        await quiet(0.5)
        assert await seen.follow(config_map()), "for now the watch counts as standing"

        seen.api.rights.allow(denial)
        await until(seen.api.watches)
        assert await seen.follow(config_map())


@in_virtual_time
async def test_a_right_that_is_taken_away_for_good_is_noticed() -> None:
    async with watching(config_map(a="1")) as seen:
        seen.api.rights.deny(verb="list", resource="configmaps")
        seen.api.rights.deny(verb="watch", resource="configmaps")
        seen.api.end_watches()
        await quiet(120)

        assert not await seen.follow(config_map())


@in_virtual_time
async def test_a_refused_list_is_asked_for_seldom() -> None:
    async with watching() as seen:
        seen.api.rights.deny(verb="list", resource="configmaps")
        await seen.follow(config_map())
        await quiet(600)

        assert seen.relists() <= 15


@in_virtual_time
async def test_a_server_that_never_answers_is_not_waited_for_forever() -> None:
    async with watching() as seen:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with seen.api.paused(LISTS), pytest.raises(ApiError, match="did not list configmaps in time"):
            await seen.follow(config_map())

        assert loop.time() - began == pytest.approx(FIRST_LIST_TIMEOUT, abs=5)


@pytest.mark.parametrize("status", [0, 401, 429, 500, 503])
@in_virtual_time
async def test_failures_of_the_server_are_outlasted(status: int) -> None:
    async with watching() as seen:
        seen.api.fail(status, times=4, match=LISTS)
        seen.api.fail(status, times=4, match=WATCHES)
        assert await seen.follow(config_map())
        await until(seen.api.watches)

        await seen.client.apply(owned_by(APP, config_map(a="1")))
        await seen.caught_up()
        assert seen.knows(config_map())


@pytest.mark.parametrize("stands", [True, False], ids=["seen by its watch", "while no watch stands"])
@in_virtual_time
async def test_a_kind_that_goes_takes_its_objects_along_and_may_come_back(stands: bool) -> None:
    async with watching() as seen:
        made = owned_by(APP, widget(spec={"a": 1}))
        seen.api.define(widgets())
        await seen.client.apply(made)
        assert await seen.follow(made)
        await until(seen.api.watches)

        with seen.api.paused(Match("watch", "Widget")) as pause:
            if not stands:
                seen.api.end_watches()
                await pause.reached.wait()
            seen.api.delete("CustomResourceDefinition", "widgets.example.invalid")
        await seen.caught_up()
        assert seen.woken.take() == [APP]
        assert not seen.knows(made)

        seen.api.end_watches()
        await seen.caught_up()
        seen.api.define(widgets())
        seen.client.forget_kinds(made["apiVersion"])
        await seen.client.apply(made)
        await until(lambda: seen.knows(made))


@pytest.mark.parametrize("known", [True, False], ids=["followed before", "found just before it went"])
@in_virtual_time
async def test_who_asks_for_a_kind_that_went_waits_for_no_list_and_for_none_when_it_came_back(known: bool) -> None:
    async with watching() as seen:
        made = owned_by(APP, widget(spec={"a": 1}))
        seen.api.define(widgets())
        kind = await seen.client.resource_type(made["apiVersion"], made["kind"])
        if known:
            assert await seen.cache.follow(kind, None, seen.client, APP)
            await until(seen.api.watches)
        seen.api.delete("CustomResourceDefinition", "widgets.example.invalid")
        seen.api.end_watches()
        await seen.caught_up()

        clock = asyncio.get_running_loop().time
        began = clock()
        with pytest.raises(UnknownKindError):
            await seen.cache.follow(kind, None, seen.client, Owner("apps", "other"))
        assert clock() - began < FIRST_LIST_TIMEOUT / 5

        await seen.caught_up()
        seen.api.define(widgets())
        seen.client.forget_kinds(made["apiVersion"])
        await seen.client.apply(made)
        began = clock()
        assert await seen.follow(made)
        assert seen.knows(made)
        assert clock() - began < RELIST.longest / 5, "not when it would have been tried again anyway"


@in_virtual_time
async def test_a_watch_ends_with_the_last_who_needs_it() -> None:
    async with watching(config_map(a="1")) as seen:
        other = Owner("apps", "other")
        await seen.follow(config_map(), other)

        seen.cache.follow_only(APP, None, [key(deployment())])
        await quiet()
        assert seen.api.watches() == ["ConfigMap"]

        seen.cache.forget_owner(other)
        await quiet()
        assert seen.api.watches() == []


@in_virtual_time
async def test_an_object_that_is_relabelled_is_told_to_both() -> None:
    async with watching(config_map(a="1")) as seen:
        other = Owner("apps", "other")
        labels = owned_by(other, config_map())["metadata"]["labels"]
        seen.api.change("ConfigMap", "settings", {"metadata": {"labels": labels}}, "apps")
        await seen.caught_up()

        assert set(seen.woken.take()) == {APP, other}


@in_virtual_time
async def test_an_object_whose_labels_are_taken_off_is_told_as_gone() -> None:
    async with watching(config_map(a="1")) as seen:
        labels = dict.fromkeys(owned_by(APP, config_map())["metadata"]["labels"])
        seen.api.change("ConfigMap", "settings", {"metadata": {"labels": labels}}, "apps")
        await seen.caught_up()

        assert seen.woken.take() == [APP]
        assert not seen.knows(config_map())


@in_virtual_time
async def test_no_content_is_read_of_what_has_no_health() -> None:
    """A Secret's content stays with the server."""
    async with watching() as seen:
        accepted: list[str] = []
        answer = seen.api.answer

        async def listening(call: Any) -> Any:
            accepted.append(call.accept)
            return await answer(call)

        seen.api.answer = listening  # type: ignore[method-assign]
        await seen.follow({"apiVersion": "v1", "kind": "Secret"})

        assert [form for form in accepted if "Metadata" in form], "the list"
        assert not [form for form in accepted[1:] if "Metadata" not in form], "all after discovery"
