"""Every image is found where Kubernetes and well-known custom resources put it, and nowhere else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pod_specs import POD, TEMPLATE, images, obj, secret_places
from kotsapp.images.finder import find_images
from kotsapp.images.image_path import dotted


@pytest.mark.parametrize(
    ("api_version", "kind", "fields", "place"),
    [
        ("v1", "Pod", {"spec": POD}, "spec"),
        ("v1", "PodTemplate", TEMPLATE, "template.spec"),
        ("v1", "ReplicationController", {"spec": TEMPLATE}, "spec.template.spec"),
        ("apps/v1", "ReplicaSet", {"spec": TEMPLATE}, "spec.template.spec"),
        ("apps/v1", "Deployment", {"spec": TEMPLATE}, "spec.template.spec"),
        ("extensions/v1beta1", "Deployment", {"spec": TEMPLATE}, "spec.template.spec"),
        ("apps/v1", "StatefulSet", {"spec": TEMPLATE}, "spec.template.spec"),
        ("apps/v1", "DaemonSet", {"spec": TEMPLATE}, "spec.template.spec"),
        ("batch/v1", "Job", {"spec": TEMPLATE}, "spec.template.spec"),
        ("batch/v1", "CronJob", {"spec": {"jobTemplate": {"spec": TEMPLATE}}}, "spec.jobTemplate.spec.template.spec"),
        ("argoproj.io/v1alpha1", "Rollout", {"spec": TEMPLATE}, "spec.template.spec"),
        ("serving.knative.dev/v1", "Service", {"spec": TEMPLATE}, "spec.template.spec"),
        (
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            {"spec": {"replicatedJobs": [{"template": {"spec": TEMPLATE}}]}},
            "spec.replicatedJobs[0].template.spec.template.spec",
        ),
        (
            "operators.coreos.com/v1alpha1",
            "ClusterServiceVersion",
            {"spec": {"install": {"spec": {"deployments": [{"name": "a", "spec": TEMPLATE}]}}}},
            "spec.install.spec.deployments[0].spec.template.spec",
        ),
        ("monitoring.coreos.com/v1", "Prometheus", {"spec": POD}, "spec"),
    ],
)
def test_every_kind_of_pod_spec(api_version: str, kind: str, fields: dict[str, Any], place: str) -> None:
    uses = find_images(obj(api_version, kind, **fields))
    assert {use.container: use.image for use in uses} == {"main": "c", "init": "i", "debug": "e", "volumes/data": "v"}
    assert {dotted(one) for use in uses for one in use.pull_secrets} == {f"{place}.imagePullSecrets"}
    assert f"{place}.containers[0].image" in {dotted(use.path) for use in uses}


def test_a_list_gives_the_images_of_its_items() -> None:
    pod = obj("v1", "Pod", spec={"containers": [{"name": "a", "image": "one"}]})
    untyped = {
        "metadata": {"name": "b"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "two"}]}}},
    }
    nested = {"apiVersion": "v1", "kind": "List", "items": [pod]}
    deployments = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [untyped, None, "text"]}
    found = {"apiVersion": "v1", "kind": "List", "items": [pod, nested, deployments]}
    assert images(found) == ["one", "one", "two"]
    assert [dotted(use.path) for use in find_images(found)] == [
        "items[0].spec.containers[0].image",
        "items[1].items[0].spec.containers[0].image",
        "items[2].items[0].spec.template.spec.containers[0].image",
    ]


SCHEMA = {"properties": {"pod": {"type": "object", "default": {"containers": [{"name": "a", "image": "redis"}]}}}}


@pytest.mark.parametrize(
    "found",
    [
        obj("v1", "ConfigMap", data={"containers": [{"name": "a", "image": "redis"}]}, containers=[{"image": "redis"}]),
        obj("v1", "Secret", stringData={"pod.yaml": "containers: [{image: redis}]"}),
        obj("v1", "Service", spec=TEMPLATE),
        obj(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            spec={"versions": [{"schema": {"openAPIV3Schema": SCHEMA, "containers": [{"image": "redis"}]}}]},
        ),
        obj("example.com/v1", "Definition", spec={"versions": [{"schema": {"openAPIV3Schema": SCHEMA}}]}),
        obj("example.com/v1", "Bundle", spec={"crds": [{"kind": "CustomResourceDefinition", "spec": POD}]}),
        obj("kyverno.io/v1", "ClusterPolicy", spec={"rules": [{"validate": {"pattern": {"spec": POD}}}]}),
        obj("example.com/v1", "Box", metadata_like={"containers": "many"}, spec={"containers": 3, "volumes": {"a": 1}}),
        obj("example.com/v1", "Box", status={"containers": [{"name": "a", "image": "redis"}]}),
        obj("argoproj.io/v1alpha1", "Workflow", spec={"x": {"containers": [{"image": "{{inputs.parameters.image}}"}]}}),
        obj("apps/v1", "Deployment", spec={"containers": [{"name": "a", "image": "redis"}]}),
    ],
)
def test_what_looks_like_a_pod_spec_and_is_none(found: dict[str, Any]) -> None:
    assert images(found) == []


def test_text_that_is_no_reference_is_found_in_a_built_in_workload() -> None:
    """The API server would take it, so that somebody has to say that no runtime will."""
    assert images(obj("v1", "Pod", spec={"containers": [{"name": "a", "image": "No Reference"}]})) == ["No Reference"]


def test_odd_types_hold_no_images() -> None:
    spec: dict[str, Any] = {
        "containers": [None, 5, "redis", [], {"name": "a", "image": 5}, {"name": "b"}, {"name": "c", "image": ""}],
        "initContainers": None,
        "ephemeralContainers": "redis",
        "volumes": [None, {"image": "redis"}, {"image": {"reference": 7}}, {"name": "v", "image": None}],
    }
    assert images(obj("v1", "Pod", spec=spec)) == []
    assert images(obj("example.com/v1", "Box", spec=spec)) == []
    assert images(obj("v1", "Pod", spec=None)) == []
    assert images(obj("v1", "Pod")) == []
    nothings: list[Any] = [None, 5, "text", [], {}]
    assert [find_images(nothing) for nothing in nothings] == [[]] * 5


def test_containers_without_a_name_are_known_by_their_place() -> None:
    uses = find_images(obj("v1", "Pod", spec={"containers": [{"image": "a"}, {"name": 5, "image": "b"}]}))
    assert [use.container for use in uses] == ["spec.containers[0].image", "spec.containers[1].image"]


def test_containers_of_one_name_are_told_apart_by_their_pod_specs() -> None:
    job = {"template": {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "redis"}]}}}}}
    uses = find_images(obj("jobset.x-k8s.io/v1alpha2", "JobSet", spec={"replicatedJobs": [job, job]}))
    assert [use.container for use in uses] == [
        "spec.replicatedJobs[0].template.spec.template.spec/main",
        "spec.replicatedJobs[1].template.spec.template.spec/main",
    ]
    twice = find_images(obj("v1", "Pod", spec={"containers": [{"name": "a", "image": "b"}] * 2}))
    assert [use.container for use in twice] == ["spec.containers[0].image", "spec.containers[1].image"]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"template": {"spec": {"containers": [{"image": "a"}]}}}, "spec.template.spec.imagePullSecrets"),
        (
            {"kafka": {"template": {"pod": {"volumes": [{"image": {"reference": "a"}}]}}}},
            "spec.kafka.template.pod.imagePullSecrets",
        ),
        ({"podSpec": {"containers": [{"image": "a"}]}}, "spec.podSpec.imagePullSecrets"),
        ({"run": {"containers": [{"image": "a"}], "tolerations": []}}, "spec.run.imagePullSecrets"),
        ({"run": {"initContainers": [{"image": "a"}], "imagePullSecrets": []}}, "spec.run.imagePullSecrets"),
        ({"templates": [{"containerSet": {"containers": [{"image": "a"}]}}]}, None),
        ({"templates": [{"initContainers": [{"image": "a"}], "tolerations": []}]}, None),
    ],
)
def test_a_pull_secret_goes_where_a_custom_resource_surely_takes_one(value: dict[str, Any], place: str | None) -> None:
    assert secret_places(obj("example.com/v1", "Box", spec=value)) == [place]


def test_nesting_is_bounded() -> None:
    value: dict[str, Any] = {"containers": [{"name": "a", "image": "redis"}]}
    for _ in range(100_000):
        value = {"spec": value}
    assert images(obj("example.com/v1", "Deep", spec=value)) == []
    items: dict[str, Any] = obj("v1", "Pod", spec=POD)
    for _ in range(100_000):
        items = {"apiVersion": "v1", "kind": "List", "items": [items]}
    assert images(items) == []


_keys = st.sampled_from(
    [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "template",
        "items",
        "containers",
        "volumes",
        "image",
        "reference",
        "name",
    ]
) | st.text(max_size=5)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Pod", "List", "redis", "v1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=5),
    max_leaves=25,
)


@given(_values)
def test_no_object_is_too_odd(value: Any) -> None:
    for use in find_images(value):
        place: Any = value
        for key in use.path:
            place = place[key]
        assert place == use.image
