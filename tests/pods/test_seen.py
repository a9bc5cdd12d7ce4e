"""What is kept of a pod."""

from dataclasses import fields
from typing import Any

import pytest

from kotsapp.pods.seen import Controller, SeenPod, seen

MAIN, SIDE, INIT, VOLUME = "quay.io/a/main:1", "quay.io/a/side:1", "quay.io/a/init:1", "quay.io/a/model:1"
SPEC = {
    "containers": [{"name": "main", "image": MAIN}, {"name": "side", "image": SIDE}],
    "initContainers": [{"name": "init", "image": INIT}],
}
WAITS = {"waiting": {"reason": "ImagePullBackOff"}}


def pod(status: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **metadata: Any) -> SeenPod:
    given = {"name": "db-0", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return seen({"metadata": {**given, **metadata}, "spec": spec or SPEC, "status": status or {}})


def of(name: str, **state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": name, "restartCount": 0, "state": {}, **state}]}


def test_names_images_and_who_makes_it_anew_and_nothing_that_is_in_it() -> None:
    secret = {"name": "main", "image": MAIN, "env": [{"name": "PASSWORD", "value": "hunter2"}], "args": ["--token=x"]}
    owners = [
        {"kind": "Node", "name": "n", "uid": "o-1"},
        {"kind": "StatefulSet", "name": "db", "uid": "o-2", "controller": True},
    ]
    found = pod(spec={**SPEC, "containers": [secret]}, ownerReferences=owners, labels={"a": "b"})
    assert found.images == (MAIN, INIT)
    assert found.controller == Controller("StatefulSet", "db", "o-2")
    assert (found.name, found.uid, found.version) == ("db-0", "u", "7")
    kept = {field.name for field in fields(SeenPod)}
    assert kept == {"name", "uid", "version", "created", "controller", "images", "unpulled", "ran", "over"}
    assert "hunter2" not in repr(found)


def test_an_owner_that_is_no_controller_makes_nothing_anew() -> None:
    assert pod(ownerReferences=[{"kind": "Node", "name": "n", "uid": "o"}]).controller is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (of("main", state=WAITS), {MAIN}),
        (of("main", state={"waiting": {"reason": "ErrImagePull"}}), {MAIN}),
        (of("main", state={"waiting": {"reason": "ContainerCreating"}}), set()),
        (of("main", state={"waiting": {"reason": "CrashLoopBackOff"}}), set()),
        ({"initContainerStatuses": [{"name": "init", "state": WAITS}]}, {INIT}),
        (of("gone", state=WAITS), set()),
        ({}, set()),
    ],
)
def test_which_images_it_waits_for(status: dict[str, Any], expected: set[str]) -> None:
    assert pod(status).unpulled == expected


def test_an_image_of_a_volume_may_be_what_a_container_waits_for() -> None:
    spec = {**SPEC, "volumes": [{"name": "m", "image": {"reference": VOLUME}}, {"name": "e", "emptyDir": {}}]}
    assert pod(of("main", state=WAITS), spec).unpulled == {MAIN, VOLUME}
    assert pod({}, spec).unpulled == set()
    assert VOLUME in pod({}, spec).images


@pytest.mark.parametrize(
    ("status", "ran"),
    [
        ({}, False),
        (of("main", state=WAITS), False),
        (of("main", state={"running": {}}), True),
        (of("main", state={"terminated": {"exitCode": 0}}), True),
        (of("main", state=WAITS, lastState={"terminated": {"exitCode": 1}}), True),
        (of("main", state=WAITS, restartCount=1), True),
        (of("main", state=WAITS, started=True), True),
        (of("main", state=WAITS, started=False), False),
        ({"initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}}]}, True),
        ({"ephemeralContainerStatuses": [{"name": "debug", "state": {"running": {}}}]}, True),
    ],
)
def test_whether_any_of_it_ever_ran(status: dict[str, Any], ran: bool) -> None:
    assert pod(status).ran is ran


@pytest.mark.parametrize(
    ("phase", "over"), [("Pending", False), ("Running", False), ("Succeeded", True), ("Failed", True)]
)
def test_whether_it_is_over(phase: str, over: bool) -> None:
    assert pod({"phase": phase}).over is over
    assert pod({"phase": phase}, deletionTimestamp="2026-01-01T00:00:00Z").over
