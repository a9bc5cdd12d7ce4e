"""What is taken out of an object, or put into it, so that server-side apply can keep it true."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.apply.normalize import left_open, normalized, scaled_by_others
from kotsapp.kube.objects import key_of

METADATA = {"name": "it", "namespace": "apps"}


def workload(spec: Any, kind: str = "Deployment", api_version: str = "apps/v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": METADATA, "spec": {**more, "template": {"spec": spec}}}


def pod_spec(obj: dict[str, Any]) -> Any:
    return obj["spec"]["template"]["spec"]


@pytest.mark.parametrize("written", [{"serviceAccountName": "x"}, {"serviceAccount": "x"}])
def test_an_account_is_named_in_both_fields(written: dict[str, str]) -> None:
    both = {"serviceAccountName": "x", "serviceAccount": "x", "containers": []}
    assert pod_spec(normalized(workload({**written, "containers": []}))) == both


def test_of_a_variable_that_is_there_twice_the_last_one_stays() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]
    [container] = pod_spec(normalized(workload({"initContainers": [{"name": "x", "env": env}]})))["initContainers"]
    assert sorted(container["env"], key=lambda one: one["name"]) == [{"name": "A", "value": "2"}, {"name": "B"}]


def scaler(kind: str, api_version: str, target: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": METADATA, "spec": {"scaleTargetRef": target}}


@pytest.mark.parametrize(
    ("autoscaler", "kept"),
    [
        (
            scaler(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "it"},
            ),
            False,
        ),
        (scaler("ScaledObject", "keda.sh/v1alpha1", {"name": "it"}), False),
        (
            scaler(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "it"},
            ),
            True,
        ),
        (
            scaler(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
            ),
            True,
        ),
        (scaler("Other", "example.com/v1", {"name": "it"}), True),
    ],
)
def test_replicas_are_left_to_the_autoscaler(autoscaler: dict[str, Any], kept: bool) -> None:
    scaled = workload({}, replicas=2)
    made = normalized(scaled, left_open(key_of(scaled), scaled_by_others([autoscaler], "apps")))
    assert ("replicas" in made["spec"]) is kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["env", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["containers", "initContainers", "serviceAccountName"]), st.sampled_from(["Pod", "Job"]))
def test_what_has_another_shape_is_left_for_the_api_server_to_refuse(value: Any, field: str, kind: str) -> None:
    for spec in (value, {field: value}, {field: [value]}):
        made = workload(spec, kind=kind, api_version="v1" if kind == "Pod" else "batch/v1")
        once = normalized(made)
        assert normalized(once) == once


def test_what_only_the_api_server_sets_is_left_out() -> None:
    exported = {**METADATA, "uid": "x", "resourceVersion": "1", "managedFields": [], "labels": {"a": "b"}}
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": exported}
    assert normalized(made)["metadata"] == {**METADATA, "labels": {"a": "b"}}
