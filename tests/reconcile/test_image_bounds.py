"""What spec.imagePaths finds is bounded like what stands in pod specs: it is looked at on the event loop."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster import Object
from harness.inprocess import operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time
from kotsapp.images.image_path import ImagePath
from kotsapp.reconcile.image_bounds import refuse_costly_paths
from kotsapp.reconcile.outcome import ReconcileError


def config_map(name: str, images: int, of: int = 0) -> Object:
    data = {f"k{number}": f"example.com/i{of + number}:1" for number in range(images)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


PATH = {"group": "", "kind": "ConfigMap", "path": "data.*"}


@pytest.mark.parametrize(
    ("objects", "refused"),
    [
        ([config_map("a", 1000)], False),
        ([config_map("a", 1001)], True),
        ([config_map("a", 600), config_map("b", 600)], False),
        ([config_map("a", 600), config_map("b", 600, of=401)], True),
    ],
    ids=["as many as may be", "one more", "the same ones twice", "of two objects"],
)
@in_virtual_time
async def test_images_at_paths_count_as_images_of_the_app(signer: Signer, objects: list[Object], refused: bool) -> None:
    async with operating(signer) as operator:
        operator.put_app(*objects, imagePaths=[PATH], wait=False)
        if not refused:
            await operator.until_ready()
            return
        await operator.until_reason("InvalidManifest")
        assert "more than 1000 images, those at spec.imagePaths among them" in operator.message()
        assert not operator.prober.asked, "registries were asked for images of an app that is refused"

        operator.put_app(*objects, wait=False)  # without the paths nothing of it is an image
        await operator.until_ready()


class Wide(list[Any]):
    """Counts how often somebody goes through it."""

    passes = 0

    def __iter__(self) -> Any:
        type(self).passes += 1
        return super().__iter__()


@pytest.mark.parametrize(
    ("value", "path", "paths", "refused"),
    [
        (["a"] * 20_000, "spec.images[*]", 1, False),
        (["a"] * 20_001, "spec.images[*]", 1, True),
        (["a"] * 400, "spec.images[*]", 50, False),
        (["a"] * 401, "spec.images[*]", 50, True),
        ([1] * 20_001, "spec.images[*].ref", 1, True),
        ([1] * 20_001, "spec.images[name=a].ref", 1, True),
        ({str(number): 1 for number in range(20_001)}, "spec.images.*.ref", 1, True),
        ([["a"] * 200] * 101, "spec.images[*][*]", 1, True),
        ("a", "spec.images", 64, False),
        ([1] * 400_000, "spec.images[7]", 64, False),
    ],
)
def test_paths_are_refused_for_all_that_they_lead_through(value: Any, path: str, paths: int, refused: bool) -> None:
    """Whether it is an image or not: going there is what takes the time."""
    obj = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"images": value}}
    wanted = [ImagePath("example.com", "Thing", path)] * paths
    other = ImagePath("example.com", "Other", path)
    refuse_costly_paths([obj] * 100, [other])
    if not refused:
        refuse_costly_paths([obj], wanted)
        return
    with pytest.raises(ReconcileError) as caught:
        refuse_costly_paths([obj], wanted)
    message = caught.value.conditions[0].message
    assert "spec.imagePaths leads to more than 20000 values" in message
    assert f"example.com/Thing:{path}" in message


def test_every_object_counts_however_little_is_in_it() -> None:
    obj = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}}
    wanted = [ImagePath("example.com", "Thing", "spec.image")] * 64
    refuse_costly_paths([obj] * 312, wanted)
    with pytest.raises(ReconcileError):
        refuse_costly_paths([obj] * 313, wanted)


def test_counting_ends_where_it_is_too_much() -> None:
    """A list of lists of lists is gone through no further than it takes to refuse it."""
    Wide.passes = 0
    rows = [Wide(["a"] * 1000) for _ in range(400)]
    obj = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"rows": rows}}
    with pytest.raises(ReconcileError):
        refuse_costly_paths([obj], [ImagePath("example.com", "Thing", "spec.rows[*][*]")] * 64)
    assert Wide.passes <= 21
