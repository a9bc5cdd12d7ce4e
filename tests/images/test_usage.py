"""Who uses which image."""

import pytest

from kotsapp.images.usage import InvalidImagesError, collect_users, parse_used, uses_of, without_place

PRIVATE = "quay.io/my-org/api:v1"


def pod(name: str, *images: str) -> dict[str, object]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}}


def test_who_uses_an_image_is_named_once() -> None:
    assert collect_users(uses_of([pod("it", PRIVATE), pod("two", PRIVATE, PRIVATE)])) == {
        PRIVATE: ["Pod/it", "Pod/two"]
    }


def test_what_is_asked_for_without_an_object_has_its_users_too() -> None:
    users = collect_users(
        uses_of([pod("it", "busybox")]), reported={"busybox": ["Application/a"]}, local_images=["redis", "busybox"]
    )

    assert users == {"busybox": ["Pod/it", "Application/a", "LocalImageName"], "redis": ["LocalImageName"]}


def test_every_image_that_is_no_reference_is_named_with_its_user() -> None:
    with pytest.raises(InvalidImagesError) as caught:
        parse_used(collect_users(uses_of([pod("it", "Not An Image"), pod("two", "busybox"), pod("three", "UPPER/x")])))

    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["Pod/it", "Pod/three"]


def test_pods_by_the_thousand_cost_what_they_are() -> None:
    """Looking for a user in a list of all of them took minutes."""
    users = collect_users(uses_of(pod(f"p{number}", "busybox") for number in range(50_000)))

    assert len(users["busybox"]) == 50_000


def test_of_images_without_a_place_for_the_pull_secret_it_is_told_how_their_pods_get_it() -> None:
    ceph = {
        "apiVersion": "ceph.rook.io/v1",
        "kind": "CephCluster",
        "metadata": {"name": "rook"},
        "spec": {"cephVersion": {"image": PRIVATE}},
    }
    beat = {
        "apiVersion": "beat.k8s.elastic.co/v1beta1",
        "kind": "Beat",
        "metadata": {"name": "b"},
        "spec": {"image": "beat"},
    }
    reported = without_place(uses_of([ceph, beat, pod("it", "busybox")]))

    assert reported[PRIVATE].startswith(
        "CephCluster/rook can't give its pods the pull secret: add it to the ServiceAccounts "
    )
    assert reported["beat"] == "Beat/b can't give its pods the pull secret: add it to their ServiceAccount"
    assert "busybox" not in reported
