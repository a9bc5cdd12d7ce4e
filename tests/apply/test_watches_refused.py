"""Watches of owned objects that are refused, that fail, or whose kind goes."""

import asyncio

import pytest

from harness.cluster import APP, config_map, owned_by, widget, widgets
from harness.fakekube import Match
from harness.owned_watch import LISTS, WATCHES, watching
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.apply.cache import FIRST_LIST_TIMEOUT
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import Owner
from kotsapp.kube.reflector import RELIST


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
