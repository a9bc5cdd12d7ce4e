"""An object as server-side apply can keep it: without what the API server, controllers or old clients write in it by
its own wish, which would be refused, or be put right for ever. Pure."""

import base64
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from kotsapp.apply.ignored import IgnoredField, ignored_steps, without, without_empty_bundles
from kotsapp.apply.list_entries import with_entries_once
from kotsapp.images.image_path import Path, Step
from kotsapp.images.podspec import built_in_pod_spec_path
from kotsapp.kube.objects import GroupKind, Identity, ObjectKey, key_of

Object = Mapping[str, Any]

# What ``kubectl get -o yaml`` shows and an apply can't have: conditions for it, and what only the API server may set.
_SERVERS = frozenset({"managedFields", "resourceVersion", "uid"})
# Their pod templates can't be changed, and would be run again.
RUN_ONCE = frozenset({GroupKind("batch", "Job"), GroupKind("", "Pod")})
_SCALERS = frozenset({GroupKind("autoscaling", "HorizontalPodAutoscaler"), GroupKind("keda.sh", "ScaledObject")})
_REPLICAS: tuple[Step, ...] = ("spec", "replicas")


def scaled_by_others(objects: Iterable[Object], namespace: str) -> frozenset[Identity]:
    """The workloads that an autoscaler among the objects scales; ``namespace`` is for those that name none."""
    scaled = set()
    for obj in objects:
        key = key_of(obj)
        spec = obj.get("spec")
        target = spec.get("scaleTargetRef") if key.group_kind in _SCALERS and isinstance(spec, Mapping) else None
        if isinstance(target, Mapping):
            group = str(target.get("apiVersion") or "apps/v1").rpartition("/")[0]
            kind = str(target.get("kind") or "Deployment")
            scaled.add(Identity(group, kind, key.namespace or namespace, str(target.get("name"))))
    return frozenset(scaled)


def left_open(
    key: ObjectKey, scaled: Collection[Identity], ignored: Iterable[IgnoredField] = ()
) -> tuple[tuple[Step, ...], ...]:
    """The paths of an object's fields that are somebody else's: what is ignored, and the replicas of a workload in
    ``scaled``."""
    steps = ignored_steps(key, ignored)
    return (*steps, _REPLICAS) if key.identity in scaled else steps


def normalized(obj: Object, open_fields: Sequence[Sequence[Step]] = ()) -> dict[str, Any]:
    """The object to apply, without the fields at these paths, which are somebody else's.

    * A Secret's stringData becomes data: the API server keeps no record of who owns stringData, and whoever changed a
      value would go unnoticed. What is no text is left for the API server to refuse by name.
    * The rules of a ClusterRole that aggregates others are its controller's, a status is whoever's keeps the object,
      and a ``caBundle`` that holds nothing is whoever's fills it in.
    * A pod spec, but of what runs once, names its account in both of its fields: the API server copies one to the
      other, and the copy of an account that is no longer wanted would stay, being nobody's.
    * Server-side apply takes an entry of a list once: ``list_entries``.
    """
    key = key_of(obj)
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _SERVERS}
    normal = {name: value for name, value in obj.items() if name != "status"} | {"metadata": metadata}
    if key.group_kind == ("rbac.authorization.k8s.io", "ClusterRole") and normal.get("aggregationRule"):
        normal.pop("rules", None)
    if key.group_kind == ("", "Secret"):
        normal = _encoded(normal)
    path = built_in_pod_spec_path(obj)
    if path is not None and key.group_kind not in RUN_ONCE:
        normal = _changed(normal, path, _with_account)
    normal = dict(with_entries_once(without_empty_bundles(normal, key), key))
    for steps in open_fields:
        normal = without(normal, steps)
    return normal


def _encoded(secret: dict[str, Any]) -> dict[str, Any]:
    texts = secret.get("stringData")
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        return secret
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
    del secret["stringData"]
    return secret | {"data": {**(secret.get("data") or {}), **encoded}}


def _with_account(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    return {**spec, "serviceAccountName": account, "serviceAccount": account} if account else spec


def _changed(value: Any, path: Path, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    """The value with the mapping at the path changed; as it is where there is none."""
    if not isinstance(value, Mapping):
        return value
    if not path:
        return change(value)
    if path[0] not in value:
        return value
    return {**value, path[0]: _changed(value[path[0]], path[1:], change)}
