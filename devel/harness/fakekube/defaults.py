"""What the API server fills in where nobody says otherwise, as far as tests need it."""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from harness.fakekube.schema import ANY, Type
from harness.fakekube.typed import copied

_CLUSTER_IP = "10.0.0.1"
_TEMPLATES: Final = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_ROLLING: Final = {"maxSurge": "25%", "maxUnavailable": "25%"}


def filled_in(obj: dict[str, Any], type_: Type, *, custom: bool) -> dict[str, Any]:
    """The object with the defaults of its kind; what was given is changed."""
    result: dict[str, Any]
    if custom:
        result = _structural(obj, type_)
        return result
    kind = obj["kind"]
    if kind in _SPECS:
        _SPECS[kind](obj.setdefault("spec", {}))
    if kind == "Job":
        _job(obj)
    if kind == "DaemonSet":
        generation = str(obj["metadata"]["generation"])
        obj["metadata"].setdefault("annotations", {})["deprecated.daemonset.template.generation"] = generation
    if kind in _STATUSES:
        obj.setdefault("status", copied(_STATUSES[kind]))
    if kind == "PersistentVolumeClaim":
        obj["metadata"].setdefault("finalizers", ["kubernetes.io/pvc-protection"])
    if kind == "Secret":
        _encode(obj)
    if kind == "Namespace":
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    for pod_spec in _pod_specs(obj):
        _pod(pod_spec, always="OnFailure" if kind in ("Job", "CronJob") else "Always")
    result = _not_empty(obj, type_)
    return result


def _not_empty(value: Any, type_: Type) -> Any:
    """Less what Go leaves out of its JSON: lists and maps with nothing in them."""
    if isinstance(value, dict) and type_.form == "map":
        inside = {name: _not_empty(one, type_.of(name) or ANY) for name, one in value.items()}
        return {
            name: one
            for name, one in inside.items()
            if one != [] and not (one == {} and (type_.of(name) or ANY).item is not None)
        }
    if isinstance(value, list) and type_.form == "list":
        return [_not_empty(item, type_.item or ANY) for item in value]
    return value


def _pod_specs(obj: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if obj["kind"] == "Pod":
        yield obj["spec"]
        return
    at: Any = obj
    for step in (*_TEMPLATES.get(obj["kind"], ("nothing",)), "spec"):
        at = at.get(step) if isinstance(at, dict) else None
    if isinstance(at, dict):
        yield at


def _pod(spec: dict[str, Any], always: str) -> None:
    for name, value in (
        ("restartPolicy", always if always == "Always" else spec.get("restartPolicy")),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("securityContext", {}),
        ("schedulerName", "default-scheduler"),
    ):
        if value is not None:
            spec.setdefault(name, value)
    for account, other in (("serviceAccountName", "serviceAccount"), ("serviceAccount", "serviceAccountName")):
        if spec.get(account):
            spec.setdefault(other, spec[account])
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        image = str(container.get("image") or "")
        latest = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
        container.setdefault("imagePullPolicy", "Always" if latest and "@" not in image else "IfNotPresent")
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _deployment(spec: dict[str, Any]) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy["rollingUpdate"] = _ROLLING | (strategy.get("rollingUpdate") or {})


def _stateful_set(spec: dict[str, Any]) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy["rollingUpdate"] = {"partition": 0, "maxUnavailable": 1} | (strategy.get("rollingUpdate") or {})


def _daemon_set(spec: dict[str, Any]) -> None:
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 1} | (strategy.get("rollingUpdate") or {})


def _cron_job(spec: dict[str, Any]) -> None:
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    template = spec.setdefault("jobTemplate", {})
    template.setdefault("metadata", {})
    template.setdefault("spec", {}).setdefault("template", {}).setdefault("metadata", {})


def _service(spec: dict[str, Any]) -> None:
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    if kind == "ExternalName":
        return
    spec.setdefault("clusterIP", _CLUSTER_IP)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _job(obj: dict[str, Any]) -> None:
    """A Job is told from others by its uid, on its pods and on itself."""
    spec, metadata = obj["spec"], obj["metadata"]
    template = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
    for prefix in ("batch.kubernetes.io/", ""):
        template.setdefault(f"{prefix}controller-uid", metadata["uid"])
        template.setdefault(f"{prefix}job-name", metadata["name"])
    metadata["labels"] = template | (metadata.get("labels") or {})
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": metadata["uid"]}})
    spec.setdefault("manualSelector", False)
    for name, value in (("parallelism", 1), ("completions", 1), ("backoffLimit", 6), ("completionMode", "NonIndexed")):
        spec.setdefault(name, value)
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")


def _claim(spec: dict[str, Any]) -> None:
    spec.setdefault("volumeMode", "Filesystem")


_SPECS: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "CronJob": _cron_job,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
}


_STATUSES: Final[Mapping[str, Mapping[str, Any]]] = {
    "CronJob": {},
    "DaemonSet": dict.fromkeys(
        ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"), 0
    ),
    "Deployment": {},
    "Ingress": {"loadBalancer": {}},
    "Job": {},
    "Namespace": {"phase": "Active"},
    "PersistentVolumeClaim": {"phase": "Pending"},
    "ReplicaSet": {"replicas": 0},
    "Service": {"loadBalancer": {}},
    "StatefulSet": {"availableReplicas": 0, "replicas": 0},
}


def _encode(secret: dict[str, Any]) -> None:
    secret.setdefault("type", "Opaque")
    texts = secret.pop("stringData", None)
    if texts:
        data = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        secret["data"] = (secret.get("data") or {}) | data


def _structural(value: Any, type_: Type) -> Any:
    """Defaults of a custom resource's schema, and nothing that the schema doesn't know."""
    if isinstance(value, dict) and type_.form == "map":
        for name, field in type_.fields.items():
            if name not in value and "default" in field.rules:
                value[name] = copied(field.rules["default"])
        known = {name: inside for name, inside in value.items() if type_.of(name) is not None}
        return {name: _structural(inside, type_.of(name) or type_) for name, inside in known.items()}
    if isinstance(value, list) and type_.form == "list" and type_.item is not None:
        return [_structural(item, type_.item) for item in value]
    return value
