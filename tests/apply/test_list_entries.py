"""Entries that are given twice, where kubectl takes them and server-side apply does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.apply.list_entries import ENTRY_KEYS
from kotsapp.apply.normalize import normalized

METADATA = {"name": "it", "namespace": "apps"}


def in_pods(kind: str, spec: Any) -> dict[str, Any]:
    versions = {"Pod": "v1", "CronJob": "batch/v1", "Job": "batch/v1"}
    template: Any = {"spec": {"template": {"spec": spec}}}
    made = {"Pod": {"spec": spec}, "CronJob": {"spec": {"jobTemplate": template}}}.get(kind, template)
    return {"apiVersion": versions.get(kind, "apps/v1"), "kind": kind, "metadata": METADATA, **made}


def pod_spec(obj: dict[str, Any]) -> Any:
    spec = obj["spec"]
    spec = spec.get("jobTemplate", obj)["spec"]
    return spec["template"]["spec"] if "template" in spec else spec


KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("field", "entries", "taken"),
    [
        ("imagePullSecrets", [{"name": "a"}, {"name": "b"}, {"name": "a"}], [{"name": "a"}, {"name": "b"}]),
        (
            "hostAliases",
            [{"ip": "::1", "hostnames": ["a"]}, {"ip": "::1", "hostnames": ["b", "a"]}],
            [{"ip": "::1", "hostnames": ["a", "b"]}],
        ),
        ("volumes", [{"name": "a", "emptyDir": {}}] * 2, [{"name": "a", "emptyDir": {}}]),
        ("volumes", [{"name": "a", "emptyDir": {}}, {"name": "a", "secret": {}}], None),
    ],
)
def test_entries_of_a_pod_spec(kind: str, field: str, entries: list[Any], taken: list[Any] | None) -> None:
    made = normalized(in_pods(kind, {field: entries}))

    wanted = taken or [{"name": "a", "emptyDir": {}, "secret": {}}]
    assert pod_spec(made)[field] == wanted


@pytest.mark.parametrize("containers", ["containers", "initContainers", "ephemeralContainers"])
@pytest.mark.parametrize(
    ("field", "entries", "taken"),
    [
        ("ports", [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}], 1),
        ("ports", [{"containerPort": 80}, {"containerPort": 80, "name": "web"}], 1),
        ("ports", [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}], 2),
        # Each name may be what a Service or a probe refers to: whichever was left out would break it.
        ("ports", [{"containerPort": 80, "name": "a"}, {"containerPort": 80, "name": "b"}], 2),
        ("env", [{"name": "A", "value": "1"}, {"name": "A", "valueFrom": {}}], 1),
        ("volumeMounts", [{"mountPath": "/a", "name": "a"}] * 3, 1),
        ("volumeDevices", [{"devicePath": "/a", "name": "a"}] * 2, 1),
    ],
)
def test_entries_of_a_container(containers: str, field: str, entries: list[Any], taken: int) -> None:
    [made] = pod_spec(normalized(in_pods("Deployment", {containers: [{"name": "x", field: entries}]})))[containers]

    assert len(made[field]) == taken


def test_of_a_variable_the_last_one_counts_as_a_whole() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "valueFrom": {"x": {}}}]
    [made] = pod_spec(normalized(in_pods("Pod", {"containers": [{"name": "x", "env": env}]})))["containers"]

    assert made["env"] == [{"name": "A", "valueFrom": {"x": {}}}, {"name": "B"}]


def test_entries_elsewhere() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": METADATA, "secrets": [{"name": "a"}] * 2}
    held = {"apiVersion": "x/v1", "kind": "Any", "metadata": {**METADATA, "finalizers": ["a/b", "c/d", "a/b"]}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": METADATA, "spec": {"ports": [{"port": 1}] * 2}}

    assert normalized(account)["secrets"] == [{"name": "a"}]
    assert normalized(held)["metadata"]["finalizers"] == ["a/b", "c/d"]
    assert normalized(service)["spec"]["ports"] == [{"port": 1}]


ENTRIES = st.lists(
    st.none()
    | st.integers(0, 1)
    | st.dictionaries(
        st.sampled_from(["name", "port", "x"]), st.integers(0, 1) | st.none() | st.lists(st.none(), max_size=1)
    ),
    max_size=4,
)


@given(ENTRIES, st.sampled_from(sorted({place[-1] for place in ENTRY_KEYS["apps", "Deployment"]})))
def test_any_shape_is_taken_and_taken_once(entries: list[Any], field: str) -> None:
    for spec in ({field: entries}, {"containers": [{field: entries}]}, entries):
        once = normalized(in_pods("Deployment", spec))
        assert normalized(once) == once
