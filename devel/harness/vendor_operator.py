"""A small vendor's operator: of each Database it makes a StatefulSet and bare Pods, with images of its own choice."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.definitions import wait_established
from localworld.api import Api, ApiError
from localworld.controlplane import admin_pair
from localworld.world import World

GROUP, VERSION, PLURAL = "vendor.invalid", "v1", "databases"
LOOK_SECONDS = 0.2

Object = dict[str, Any]

DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "Database", "plural": PLURAL, "singular": "database", "listKind": "DatabaseList"},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}


def database(name: str, *, replicas: int = 2, workers: int = 2) -> Object:
    """What a customer writes: no image stands in it."""
    spec = {"replicas": replicas, "workers": workers}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Database", "metadata": {"name": name}, "spec": spec}


class VendorOperator:
    """At work in a thread; ``server_image`` is what its StatefulSets run, ``worker_image`` its bare pods."""

    def __init__(self, world: World, server_image: str, worker_image: str) -> None:
        self.server_image = server_image
        self.worker_image = worker_image
        self._api = Api(world.server, world.ca, admin_pair(world.apiserver))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vendor's operator", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)
        self._api.close()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for owner in self._api.get(f"/apis/{GROUP}/{VERSION}/{PLURAL}")["items"]:
                if not owner["metadata"].get("deletionTimestamp"):
                    self._make(owner)

    def _make(self, owner: Object) -> None:
        metadata, spec = owner["metadata"], owner["spec"]
        namespace, name = metadata["namespace"], metadata["name"]
        controller = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Database",
            "name": name,
            "uid": metadata["uid"],
            "controller": True,
        }
        labels = {"database": name}
        servers = {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": name, "ownerReferences": [controller]},
            "spec": {
                "serviceName": name,
                "replicas": spec["replicas"],
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "server", "image": self.server_image}]},
                },
            },
        }
        try:
            self._api.apply(f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}", servers, manager="vendor")
            for number in range(spec["workers"]):
                worker = {"containers": [{"name": "worker", "image": self.worker_image}]}
                pod_metadata = {"name": f"{name}-worker-{number}", "ownerReferences": [controller]}
                pod = {"apiVersion": "v1", "kind": "Pod", "metadata": pod_metadata, "spec": worker}
                self._api.create(f"/api/v1/namespaces/{namespace}/pods", pod, exists_ok=True)
        except ApiError as error:
            if error.status not in (403, 404):  # its namespace goes
                raise


@contextmanager
def vendor_operator(world: World, server_image: str, worker_image: str) -> Iterator[VendorOperator]:
    """At work until the block ends, with its definition there."""
    world.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION, exists_ok=True)
    wait_established(world, f"{PLURAL}.{GROUP}")
    operator = VendorOperator(world, server_image, worker_image)
    operator.start()
    try:
        yield operator
    finally:
        operator.stop()
