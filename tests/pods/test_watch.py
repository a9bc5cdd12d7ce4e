"""The watch of pods, on the fake cluster."""

from typing import Any

from harness.cluster import NAMESPACE, fake_cluster, obj
from harness.fakekube import FakeApi, connect
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.kube.objects import Owner
from kotsapp.pods.watch import CHUNK, Interest, PodWatches

APP, OTHER = Owner(NAMESPACE, "one"), Owner(NAMESPACE, "two")
IMAGE = "quay.io/a/a:1"


def put(api: FakeApi, name: str, image: str = IMAGE, namespace: str = NAMESPACE, **fields: Any) -> None:
    spec = {"containers": [{"name": "c", "image": image}]}
    api.put(obj("Pod", name, namespace=namespace, spec=spec, **fields))


@in_virtual_time
async def test_all_pods_are_known_at_once_a_page_at_a_time_and_changes_follow() -> None:
    api, woken = fake_cluster(), []
    for number in range(2 * CHUNK + 1):
        put(api, f"p{number}")
    watches = PodWatches(woken.append)
    watch = await watches.follow(APP, connect(api))
    assert len(watch.pods) == 2 * CHUNK + 1

    put(api, "new", "quay.io/b/b:1")
    api.delete("Pod", "p0", NAMESPACE)
    await until(lambda: {pod.name for pod in watch.pods.values()} >= {"new", "p1"} and len(watch.pods) == 2 * CHUNK + 1)
    api.end_watches("expire")
    api.delete("Pod", "new", NAMESPACE)
    await until(lambda: "new" not in {pod.name for pod in watch.pods.values()})
    await watches.close()


@in_virtual_time
async def test_nobody_is_woken_for_what_was_looked_at() -> None:
    api, woken = fake_cluster(), []
    put(api, "one")
    watches = PodWatches(woken.append)
    watch = await watches.follow(APP, connect(api))
    watch.followers[APP] = Interest(frozenset({IMAGE}))
    await quiet()
    woken.clear()
    put(api, "two")
    await quiet()
    assert woken == []
    put(api, "three", "quay.io/b/b:1")
    await until(lambda: woken)
    woken.clear()

    watch.followers[APP] = Interest(frozenset({IMAGE, "quay.io/b/b:1"}))
    waits = {"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ErrImagePull"}}}]}
    api.change("Pod", "one", {"status": waits}, NAMESPACE)
    await until(lambda: woken)
    uids = frozenset(uid for uid, pod in watch.pods.items() if pod.name == "one")
    watch.followers[APP] = Interest(frozenset({IMAGE, "quay.io/b/b:1"}), uids)
    woken.clear()
    waits["containerStatuses"][0]["state"] = {"waiting": {"reason": "ImagePullBackOff"}}
    api.change("Pod", "one", {"status": waits}, NAMESPACE)
    await quiet()
    assert woken == [], "the kubelet goes to and fro between these"
    await watches.close()


@in_virtual_time
async def test_apps_of_a_namespace_share_a_watch_that_ends_with_the_last_of_them() -> None:
    api = fake_cluster(NAMESPACE, "elsewhere")
    put(api, "there", namespace="elsewhere")
    watches, client = PodWatches(lambda _: None), connect(api)
    watch = await watches.follow(APP, client)
    assert await watches.follow(OTHER, client) is watch
    await until(lambda: api.watches() == ["Pod"])
    assert watch.pods == {}, "nothing of another namespace"

    watches.unfollow(APP)
    await quiet()
    assert api.watches() == ["Pod"]
    watches.unfollow(OTHER)
    await until(lambda: not api.watches())
    assert len(watches) == 0
    await watches.close()


@in_virtual_time
async def test_another_account_has_a_watch_of_its_own_and_lets_go_of_the_first() -> None:
    api = fake_cluster()
    watches, client = PodWatches(lambda _: None), connect(api)
    await watches.follow(APP, client)
    await watches.follow(APP, client.impersonating("system:serviceaccount:apps:deployer"))
    await until(lambda: api.watches() == ["Pod"])
    assert len(watches) == 1
    assert [record.user for record in api.audit if record.verb == "watch"][-1] is not None
    await watches.close()


@in_virtual_time
async def test_who_may_not_look_is_told_so_and_sees_all_once_it_may() -> None:
    api = fake_cluster()
    put(api, "one")
    denial = api.rights.deny(resource="pods")
    watches = PodWatches(lambda _: None)
    watch = await watches.follow(APP, connect(api))
    assert watch.is_forbidden
    assert watch.pods == {}
    api.rights.allow(denial)
    await until(lambda: not watch.is_forbidden)
    assert [pod.name for pod in watch.pods.values()] == ["one"]
    await watches.close()
