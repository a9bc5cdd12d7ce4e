"""What the cache knows of live objects, and whom it tells."""

from typing import Any

from harness.cluster import APP, config_map, deployment, fake_cluster, key, owned_by, watched_objects
from harness.fakekube import connect
from harness.owned_watch import Watching, watching
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.kube.objects import Owner, key_of


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
