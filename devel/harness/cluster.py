"""A cluster in process for the tests of what applies and watches: the fake API with KotsApps served."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.fakekube import FakeApi
from kotsapp.apply.cache import OwnedObjects
from kotsapp.kube.objects import ObjectKey, Owner, key_of
from kotsapp.names import NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION

Object = dict[str, Any]

NAMESPACE = "apps"
DEFINITION = Path(__file__).parents[2] / "crds" / "kotsapps.kotsapp.dev.yaml"
APP = Owner(NAMESPACE, "my-app")


def fake_cluster(*namespaces: str) -> FakeApi:
    """With these namespaces, else with one, ``apps``."""
    api = FakeApi()
    api.define(_definition())
    for name in namespaces or (NAMESPACE,):
        api.namespace(name)
    return api


def obj(kind: str, name: str, api_version: str = "v1", namespace: str = NAMESPACE, **fields: Any) -> Object:
    """An object; ``metadata`` among the fields adds to it. A cluster-scoped one has an empty namespace."""
    place = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **place, **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def config_map(name: str = "settings", *, namespace: str = NAMESPACE, **data: str) -> Object:
    return obj("ConfigMap", name, namespace=namespace, data=data)


def deployment(name: str = "shop", image: str = "example.invalid/shop:1", **spec: Any) -> Object:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    return obj("Deployment", name, "apps/v1", spec={"selector": {"matchLabels": labels}, "template": pod, **spec})


def job(name: str = "migrate", image: str = "example.invalid/shop:1", **spec: Any) -> Object:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}
    return obj("Job", name, "batch/v1", spec={"template": pod, **spec})


def widgets(group: str = "example.invalid") -> Object:
    """The definition of a namespaced kind that holds anything."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return obj("CustomResourceDefinition", f"widgets.{group}", "apiextensions.k8s.io/v1", "", spec=spec)


def widget(name: str = "one", group: str = "example.invalid", **fields: Any) -> Object:
    return obj("Widget", name, f"{group}/v1", **fields)


def owned_by(owner: Owner, made: Mapping[str, Any]) -> Object:
    """The object with the labels that say whose it is."""
    metadata = made["metadata"]
    labels = {NAMESPACE_LABEL: owner.namespace, NAME_LABEL: owner.name, **(metadata.get("labels") or {})}
    return {**made, "metadata": {**metadata, "labels": labels}}


def well(made: Mapping[str, Any]) -> Object:
    """The status of a workload whose pods all run."""
    generation = made["metadata"]["generation"]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    return {"observedGeneration": generation, **counts, "conditions": [{"type": "Available", "status": "True"}]}


def key(made: Mapping[str, Any]) -> ObjectKey:
    return key_of(made)


class Woken(list[Owner]):
    """Owners that were told of a change, until ``take``."""

    def take(self) -> list[Owner]:
        woken = sorted(self)
        self.clear()
        return woken


def watched_objects() -> tuple[OwnedObjects, Woken]:
    """The operator's cache of its objects, and whom it told; to be closed."""
    woken = Woken()
    return OwnedObjects((NAMESPACE_LABEL, NAME_LABEL), PRUNE_ANNOTATION, woken.append), woken


@cache
def _definition() -> Object:
    definition: Object = yaml.safe_load(DEFINITION.read_text())
    return definition
