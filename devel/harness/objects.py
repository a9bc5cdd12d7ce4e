"""Objects for the tests, small and valid."""

from typing import Any

from harness.apps import PUBLIC, Object


def obj(api_version: str, kind: str, name: str, *, metadata: Object | None = None, **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **(metadata or {})}, **fields}


def annotated(target: Object, **annotations: str) -> Object:
    """The object with annotations of our group, such as ``force="enabled"``."""
    metadata = target["metadata"]
    named = {f"kotsapp.dev/{name}": value for name, value in annotations.items()}
    return {**target, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **named}}}


def placed(target: Object, namespace: str) -> Object:
    return {**target, "metadata": {**target["metadata"], "namespace": namespace}}


def pod_spec(image: str = PUBLIC, **spec: Any) -> Object:
    return {"containers": [{"name": "main", "image": image}], **spec}


def template(name: str, image: str = PUBLIC, *, outcome: str = "", **spec: Any) -> Object:
    """A pod template; ``outcome`` is how the node stand-in lets its pods end."""
    metadata: Object = {"labels": {"app": name}}
    if outcome:
        metadata["annotations"] = {"localworld/outcome": outcome}
    return {"metadata": metadata, "spec": pod_spec(image, **spec)}


def job(name: str, image: str = PUBLIC, *, outcome: str = "", **spec: Any) -> Object:
    pods = template(name, image, outcome=outcome, restartPolicy="Never")
    return obj("batch/v1", "Job", name, spec={"template": pods, **spec})


def cron_job(name: str, image: str = PUBLIC, schedule: str = "0 0 1 1 *") -> Object:
    pods = template(name, image, restartPolicy="Never")
    return obj("batch/v1", "CronJob", name, spec={"schedule": schedule, "jobTemplate": {"spec": {"template": pods}}})


def stateful_set(name: str, image: str = PUBLIC, *, outcome: str = "", **spec: Any) -> Object:
    selector = {"matchLabels": {"app": name}}
    pods = template(name, image, outcome=outcome)
    return obj(
        "apps/v1", "StatefulSet", name, spec={"serviceName": name, "selector": selector, "template": pods, **spec}
    )


def daemon_set(name: str, image: str = PUBLIC) -> Object:
    selector = {"matchLabels": {"app": name}}
    return obj("apps/v1", "DaemonSet", name, spec={"selector": selector, "template": template(name, image)})


def service(name: str, **spec: Any) -> Object:
    return obj("v1", "Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80}], **spec})


def claim(name: str) -> Object:
    return obj(
        "v1",
        "PersistentVolumeClaim",
        name,
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    )


def widgets(group: str) -> Object:
    """The definition of a kind Widget, whose instances are in namespaces."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    return obj(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"widgets.{group}",
        spec={"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    )
