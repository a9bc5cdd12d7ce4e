"""In which order a release's objects come into the cluster: by phase, by chart, by hook."""

from typing import Any

import pytest

from kotsapp.release.order import OrderError, Stage, deletion_phase, stages


def thing(kind: str = "ConfigMap", name: str = "it", **annotations: str) -> dict[str, Any]:
    named = {key.replace("kots_io__", "kots.io/").replace("_", "-"): value for key, value in annotations.items()}
    group = {"CustomResourceDefinition": "apiextensions.k8s.io/v1", "Deployment": "apps/v1", "Job": "batch/v1"}
    return {"apiVersion": group.get(kind, "v1"), "kind": kind, "metadata": {"name": name, "annotations": named}}


def hook(name: str, when: str, weight: str = "0") -> dict[str, Any]:
    made = thing("Job", name)
    made["metadata"]["annotations"] = {"helm.sh/hook": when, "helm.sh/hook-weight": weight}
    return made


def ordered(*placed: tuple[int, dict[str, Any]]) -> list[list[str]]:
    """The names of the objects, stage by stage."""
    objects = [obj for _, obj in placed]
    return [
        [objects[number]["metadata"]["name"] for number in stage.objects]
        for stage in stages(objects, [chart for chart, _ in placed])
    ]


def one(*objects: dict[str, Any]) -> tuple[Stage, ...]:
    return stages(objects, [0] * len(objects))


def test_plain_objects_come_by_their_phase_and_before_charts() -> None:
    found = ordered(
        (1, thing(name="of-chart")),
        (0, thing(name="late", kots_io__creation_phase="2")),
        (0, thing(name="usual")),
        (0, thing(name="early", kots_io__creation_phase="-1")),
    )
    assert found == [["early"], ["usual"], ["late"], ["of-chart"]]


def test_each_chart_has_its_own_hooks() -> None:
    found = ordered(
        (1, hook("before-1", "pre-install", "5")),
        (1, thing("Deployment", "web-1")),
        (1, hook("after-1", "post-install", "-5")),
        (2, hook("before-2", "pre-install", "-5")),
        (2, thing("Deployment", "web-2")),
    )
    assert found == [["before-1"], ["web-1"], ["after-1"], ["before-2"], ["web-2"]]


def test_definitions_and_namespaces_come_first_whoever_brings_them() -> None:
    found = ordered(
        (0, thing(name="plain")), (1, thing("CustomResourceDefinition", "widgets")), (1, thing("Namespace", "apart"))
    )
    assert found == [["widgets", "apart"], ["plain"]]


def test_a_charts_secrets_are_there_for_its_first_hooks_pods() -> None:
    assert ordered((1, thing(name="web")), (1, hook("migrate", "pre-install")), (1, thing("Secret", "pull"))) == [
        ["pull", "migrate"],
        ["web"],
    ]


@pytest.mark.parametrize(("when", "waited"), [("pre-install", True), ("post-install", False)])
def test_a_chart_is_waited_for_where_a_later_one_has_hooks_that_run_first(when: str, waited: bool) -> None:
    objects = [thing("Deployment", "db"), thing("PersistentVolumeClaim", "data"), hook("later", when), thing()]
    first = stages(objects, [1, 1, 2, 2])[0]
    assert first.objects == (0, 1)
    assert first.ready == (frozenset({0}) if waited else frozenset()), "a claim may wait for its first pod"
    last = stages(objects, [1, 1, 2, 2])[-1]
    assert not last.ready


def test_what_an_object_says_is_waited_for() -> None:
    slow = thing("Deployment", "slow", kots_io__wait_for_ready="true")
    widget = thing("Widget", "w", kots_io__wait_for_properties=".status.phase=Ready,status.parts[0].up=true")
    (stage,) = one(slow, widget, thing())
    assert stage.ready == {0}
    assert {number: [(p.path, p.value) for p in found] for number, found in stage.properties.items()} == {
        1: [("status.phase", "Ready"), ("status.parts[0].up", "true")]
    }


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        ("kots_io__creation_phase", "first", "kots.io/creation-phase of ConfigMap/it is 'first': write a whole number"),
        ("kots_io__creation_phase", "9" * 5000, "write a whole number"),
        ("kots_io__wait_for_properties", "status.phase", "write path=value"),
        ("kots_io__wait_for_properties", "a b=c", "is not a path"),
        ("kots_io__wait_for_properties", ",".join(["a=b"] * 21), "has 21 properties, more than 20"),
    ],
)
def test_an_annotation_that_cant_be_read_is_named(annotation: str, value: str, problem: str) -> None:
    with pytest.raises(OrderError) as caught:
        one(thing(**{annotation: value}))
    assert problem in str(caught.value)


def test_deletion_has_phases_of_its_own() -> None:
    assert [deletion_phase(thing(kots_io__deletion_phase=value)) for value in ("-3", "", "7")] == [-3, 0, 7]
    with pytest.raises(OrderError):
        deletion_phase(thing(kots_io__deletion_phase="1.5"))
