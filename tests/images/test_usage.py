"""Who uses which image."""

import pytest

from kotsapp.images.usage import InvalidImagesError, image_users, parse_used

PRIVATE = "quay.io/my-org/api:v1"


def pod(name: str, *images: str) -> dict[str, object]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}}


def test_who_uses_an_image_is_named_once() -> None:
    assert image_users([pod("it", PRIVATE), pod("two", PRIVATE, PRIVATE)]) == {PRIVATE: ["Pod/it", "Pod/two"]}


def test_what_is_asked_for_without_an_object_has_its_users_too() -> None:
    users = image_users(
        [pod("it", "busybox")], reported={"busybox": ["Application/a"]}, local_images=["redis", "busybox"]
    )

    assert users == {"busybox": ["Pod/it", "Application/a", "LocalImageName"], "redis": ["LocalImageName"]}


def test_every_image_that_is_no_reference_is_named_with_its_user() -> None:
    with pytest.raises(InvalidImagesError) as caught:
        parse_used(image_users([pod("it", "Not An Image"), pod("two", "busybox"), pod("three", "UPPER/x")]))

    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["Pod/it", "Pod/three"]


def test_pods_by_the_thousand_cost_what_they_are() -> None:
    """Looking for a user in a list of all of them took minutes."""
    users = image_users(pod(f"p{number}", "busybox") for number in range(50_000))

    assert len(users["busybox"]) == 50_000
