"""Rewriting changes images, pull secrets and one annotation, and nothing else."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.applications import SECRET, decisions, workloads
from kotsapp.images.finder import find_images
from kotsapp.images.image_path import ImagePath
from kotsapp.images.rewrite import ORIGINAL_IMAGES, Pull, rewrite

PROXIED = "proxy.replicated.com/proxy/slug/quay.io/o/api:1"
PULLS = {
    "quay.io/o/api:1": Pull(PROXIED, True),
    PROXIED: Pull(PROXIED, True),
    "registry.replicated.com/slug/web:1": Pull("registry.replicated.com/slug/web:1", True),
    "redis:7": Pull("redis:7", False),
}


def pod(*images: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers, **spec}}


def record(obj: dict[str, Any]) -> Any:
    text = (obj["metadata"].get("annotations") or {}).get(ORIGINAL_IMAGES)
    return None if text is None else json.loads(text)


def test_a_private_image_is_pulled_through_the_proxy_with_the_secret() -> None:
    assert rewrite(pod("quay.io/o/api:1", "redis:7"), PULLS, SECRET) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": {ORIGINAL_IMAGES: '{"c0":"quay.io/o/api:1"}'}},
        "spec": {
            "containers": [{"name": "c0", "image": PROXIED}, {"name": "c1", "image": "redis:7"}],
            "imagePullSecrets": [{"name": SECRET}],
        },
    }


@pytest.mark.parametrize("image", ["redis:7", "unknown:1"])
def test_an_object_in_which_nothing_changes_is_returned_as_it_is(image: str) -> None:
    obj = pod(image, imagePullSecrets=None)
    assert rewrite(obj, PULLS, SECRET) is obj


@pytest.mark.parametrize("image", ["registry.replicated.com/slug/web:1", PROXIED])
def test_an_image_that_stays_where_it_is_may_need_the_secret(image: str) -> None:
    rewritten = rewrite(pod(image), PULLS, SECRET)
    assert rewritten["spec"] == {"containers": [{"name": "c0", "image": image}], "imagePullSecrets": [{"name": SECRET}]}
    assert record(rewritten) is None


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (None, [{"name": SECRET}]),
        ([], [{"name": SECRET}]),
        ([{"name": "z"}, {"name": "a"}], [{"name": "z"}, {"name": "a"}, {"name": SECRET}]),
        ([{"name": SECRET}, {"name": "a"}], [{"name": SECRET}, {"name": "a"}]),
        (["z"], ["z", SECRET]),
        ("odd", "odd"),
    ],
)
def test_the_secret_is_appended_once_in_order(present: Any, expected: Any) -> None:
    rewritten = rewrite(pod("quay.io/o/api:1", "quay.io/o/api:1", imagePullSecrets=present), PULLS, SECRET)
    assert rewritten["spec"]["imagePullSecrets"] == expected


def test_only_pod_specs_that_need_the_secret_get_it() -> None:
    def job(image: str) -> dict[str, Any]:
        return {"template": {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": image}]}}}}}

    jobs = [job("quay.io/o/api:1"), job("redis:7")]
    obj = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "j"},
        "spec": {"jobs": jobs},
    }
    private, public = (
        job["template"]["spec"]["template"]["spec"] for job in rewrite(obj, PULLS, SECRET)["spec"]["jobs"]
    )
    assert private["imagePullSecrets"] == [{"name": SECRET}]
    assert "imagePullSecrets" not in public


def test_the_record_is_on_the_workload_and_not_on_its_pods() -> None:
    template = {"metadata": {"annotations": {"a": "b"}}, "spec": pod("quay.io/o/api:1")["spec"]}
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}}
    rewritten = rewrite(obj, PULLS, SECRET)
    assert record(rewritten) == {"c0": "quay.io/o/api:1"}
    assert rewritten["spec"]["template"]["metadata"] is template["metadata"]


def test_a_lists_items_are_rewritten_and_recorded_each() -> None:
    obj = {"apiVersion": "v1", "kind": "List", "items": [pod("quay.io/o/api:1"), pod("redis:7")]}
    rewritten = rewrite(obj, PULLS, SECRET)
    assert record(rewritten["items"][0]) == {"c0": "quay.io/o/api:1"}
    assert rewritten["items"][1] is obj["items"][1]
    assert "metadata" not in rewritten


def test_an_image_path_is_rewritten_and_recorded_by_its_path() -> None:
    spec = {"image": "quay.io/o/api:1", "containers": [{"name": "c", "image": "redis:7"}]}
    obj = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "p"}, "spec": spec}
    rewritten = rewrite(obj, PULLS, SECRET, [ImagePath("monitoring.coreos.com", "Prometheus", "spec.image")])
    assert rewritten["spec"] == spec | {"image": PROXIED, "imagePullSecrets": [{"name": SECRET}]}
    assert record(rewritten) == {"spec.image": "quay.io/o/api:1"}


def test_mappings_on_the_way_to_a_named_list_of_secrets_are_made() -> None:
    obj = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "Kafka",
        "metadata": None,
        "spec": {"kafka": {"image": "quay.io/o/api:1"}},
    }
    path = ImagePath("kafka.strimzi.io", "Kafka", "spec.kafka.image", "spec.kafka.template.pod.imagePullSecrets")
    rewritten = rewrite(obj, PULLS, SECRET, [path])
    assert rewritten["spec"]["kafka"] == {
        "image": PROXIED,
        "template": {"pod": {"imagePullSecrets": [{"name": SECRET}]}},
    }


@pytest.mark.parametrize(
    ("images", "present", "expected"),
    [
        (["quay.io/o/api:1"], '{"c0":"old:1","gone":"x:1"}', {"c0": "quay.io/o/api:1"}),
        ([PROXIED], '{"c0":"quay.io/o/api:1"}', {"c0": "quay.io/o/api:1"}),
        (["redis:7"], '{"c0":"quay.io/o/api:1"}', None),
        (["redis:7"], "somebody's own", "kept"),
        (["quay.io/o/api:1"], "somebody's own", {"c0": "quay.io/o/api:1"}),
        (["quay.io/o/api:1"], '{"c0": 5}', {"c0": "quay.io/o/api:1"}),
        (["quay.io/o/api:1"], "[" * 100_000, {"c0": "quay.io/o/api:1"}),
    ],
)
def test_an_earlier_record_is_kept_while_it_is_true(images: list[str], present: str, expected: Any) -> None:
    obj = pod(*images)
    obj["metadata"]["annotations"] = {ORIGINAL_IMAGES: present}
    rewritten = rewrite(obj, PULLS, SECRET)
    if expected == "kept":
        assert rewritten is obj
    else:
        assert record(rewritten) == expected


def test_a_record_that_is_no_longer_needed_leaves_other_annotations() -> None:
    obj = pod("redis:7")
    obj["metadata"]["annotations"] = {"a": "b", ORIGINAL_IMAGES: '{"c0":"quay.io/o/api:1"}'}
    assert rewrite(obj, PULLS, SECRET)["metadata"] == {"name": "p", "annotations": {"a": "b"}}


@pytest.mark.parametrize("metadata", [None, 5, "text", [], {"annotations": 5}, {"annotations": ["a"]}])
def test_odd_metadata_is_left_to_the_api_server(metadata: Any) -> None:
    obj = pod("quay.io/o/api:1") | {"metadata": metadata}
    assert rewrite(obj, PULLS, SECRET)["spec"]["containers"][0]["image"] == PROXIED


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def scattered(draw: st.DrawFn, value: Any) -> Any:
    """The value with fields in its mappings that nobody knows."""
    if isinstance(value, dict):
        unknown = draw(st.dictionaries(st.sampled_from(["x-a", "x-b"]), _junk, max_size=1))
        return {key: draw(scattered(child)) for key, child in value.items()} | unknown
    if isinstance(value, list):
        return [draw(scattered(child)) for child in value]
    return value


def without_what_may_change(obj: dict[str, Any]) -> dict[str, Any]:
    """The object with its images blanked, and without pull secrets and our annotation."""
    blank = copy.deepcopy(obj)
    for use in find_images(obj):
        place: Any = blank
        for key in use.path[:-1]:
            place = place[key]
        place[use.path[-1]] = ""
        holder: Any = blank
        for key in next(iter(use.pull_secrets), ())[:-1]:
            holder = holder[key]
        holder.pop("imagePullSecrets", None)
    annotations = blank["metadata"].get("annotations", {})
    annotations.pop(ORIGINAL_IMAGES, None)
    if not annotations:
        blank["metadata"].pop("annotations", None)
    return blank


@given(st.data())
def test_rewriting_keeps_the_input_and_everything_it_does_not_understand(data: st.DataObject) -> None:
    obj = data.draw(workloads().flatmap(scattered))
    pulls = data.draw(decisions([obj]))
    before = copy.deepcopy(obj)
    rewritten = rewrite(obj, pulls, SECRET)
    assert obj == before
    assert without_what_may_change(rewritten) == without_what_may_change(before)
    assert [use.image for use in find_images(rewritten)] == [pulls[use.image].reference for use in find_images(before)]


@given(st.data())
def test_rewriting_twice_is_rewriting_once(data: st.DataObject) -> None:
    obj = data.draw(workloads())
    pulls = data.draw(decisions([obj]))
    rewritten = rewrite(obj, pulls, SECRET)
    again = {pull.reference: pull for pull in pulls.values()}
    assert rewrite(rewritten, again, SECRET) is rewritten


@given(st.data())
def test_the_record_gives_the_images_back(data: st.DataObject) -> None:
    obj = data.draw(workloads())
    pulls = data.draw(decisions([obj]))
    originals = record(rewrite(obj, pulls, SECRET)) or {}
    changed = {use.container: use.image for use in find_images(obj) if pulls[use.image].reference != use.image}
    assert originals == changed
