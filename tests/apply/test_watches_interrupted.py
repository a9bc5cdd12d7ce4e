"""Watches of owned objects that lag, end, or begin too late: nothing is missed, and little is listed again."""

import pytest

from harness.cluster import APP, config_map, key, owned_by
from harness.owned_watch import LISTS, WATCHES, watching
from harness.virtual_time import in_virtual_time


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
