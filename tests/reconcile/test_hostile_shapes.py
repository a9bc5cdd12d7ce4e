"""Objects with any value in any field's place: they are refused by name, where they are read or planned, or planned."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from kotsapp.api.spec import parse_spec
from kotsapp.apply.dependencies import Provided
from kotsapp.images.finder import find_images
from kotsapp.images.routing import Domains
from kotsapp.images.usage import collect_users, uses_of
from kotsapp.manifests import documents
from kotsapp.manifests.errors import ManifestError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.plan import PlanError, PullSecretNameError, PullSecrets, make_plan, place, scope_in
from kotsapp.release.reader import Release

APP = App(namespace="apps", name="my-app", uid="uid-1", generation=1, spec={})
SPEC = parse_spec({"license": {"secretRef": {"name": "l"}}, "manifests": [{"inline": "a: 1"}]})
SECRETS = PullSecrets("pull", "license-id", Domains())
CONTAINER = {"name": "main", "image": "nginx", "env": [{"name": "A", "value": "1"}]}
POD = {"containers": [CONTAINER], "serviceAccountName": "it", "volumes": [{"name": "v", "image": {"reference": "a"}}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}


def example(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": "it", "namespace": "apps", "labels": {"a": "b"}, "annotations": {"helm.sh/hook": "pre-install"}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


EXAMPLES = [
    example("v1", "Pod", spec=POD),
    example("apps/v1", "Deployment", spec={"replicas": 1, "template": TEMPLATE}),
    example("batch/v1", "Job", spec={"template": TEMPLATE}),
    example("batch/v1", "CronJob", spec={"jobTemplate": {"spec": {"template": TEMPLATE}}}),
    example("v1", "Secret", type="Opaque", data={"a": "YQ=="}, stringData={"b": "c"}),
    example("v1", "ConfigMap", data={"a": "b"}, binaryData={"a": "YQ=="}),
    example("autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": {"kind": "Deployment", "name": "it"}}),
    example("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "it"}, subjects=[]),
    example("rbac.authorization.k8s.io/v1", "ClusterRole", aggregationRule={}, rules=[]),
    example(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        spec={"group": "a.example", "scope": "Cluster", "names": {"kind": "W"}, "versions": [{"name": "v1"}]},
    ),
    example("example.com/v1", "Widget", spec={"podSpec": POD, "template": TEMPLATE}),
]
VALUES: list[Any] = [
    None,
    "words",
    "",
    1,
    -1,
    1.5,
    True,
    [],
    ["a"],
    [None],
    {},
    {"a": "b"},
    {"name": 1},
    [{"name": []}],
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in places(child, (*path, key)))]


def with_value(obj: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(obj)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def planned(text: str) -> bool:
    try:
        objects: list[Any] = [document.value for document in documents.read(text, "source")]
        scope = scope_in(objects)
        objects = [place(o, "apps", scope(o["apiVersion"].rpartition("/")[0], o["kind"]) is not False) for o in objects]
        collect_users(uses_of(objects))
        provided = Provided.by(objects)
        for obj in objects:
            provided.is_needed_by(obj)
            find_images(obj)
        for account in (None, "deployer"):
            make_plan(Release(objects=tuple(objects)), {}, SECRETS, APP, replace(SPEC, service_account=account))
    except (ManifestError, PlanError, PullSecretNameError):
        return False
    return True


@pytest.mark.parametrize("obj", EXAMPLES, ids=[obj["kind"] for obj in EXAMPLES])
def test_any_value_in_any_place_is_planned_or_refused(obj: dict[str, Any]) -> None:
    for path in places(obj)[1:]:
        for value in VALUES:
            planned(json.dumps(with_value(obj, path, value)))


def test_several_wrong_values_together_are_planned_or_refused() -> None:
    numbers = random.Random(20260101)
    for _ in range(3000):
        obj = numbers.choice(EXAMPLES)
        for _ in range(numbers.randint(2, 4)):
            obj = with_value(obj, numbers.choice(places(obj)[1:]), numbers.choice(VALUES))
        planned(json.dumps(obj))
