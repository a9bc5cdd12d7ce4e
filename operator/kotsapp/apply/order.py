"""The order in which objects are applied; they are deleted the other way round."""

from collections.abc import Iterable
from itertools import groupby

from kotsapp.kube.objects import ObjectKey

# What others refer to comes first, what starts pods comes late; a kind that isn't listed (a custom resource,
# an admission webhook) comes last, when the workloads that may serve it are there.
_TIERS: tuple[frozenset[str], ...] = (
    frozenset({"Namespace"}),
    frozenset({"CustomResourceDefinition", "PriorityClass", "StorageClass", "RuntimeClass"}),
    frozenset({"ServiceAccount", "ResourceQuota", "LimitRange", "NetworkPolicy"}),
    frozenset({"Secret", "ConfigMap", "ClusterRole", "Role"}),
    frozenset({"ClusterRoleBinding", "RoleBinding", "PersistentVolume", "PersistentVolumeClaim"}),
    frozenset({"Service", "Endpoints", "EndpointSlice", "PodTemplate", "PodDisruptionBudget"}),
    frozenset(
        {"Pod", "ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
    ),
)
_TIER_OF = {kind: index for index, kinds in enumerate(_TIERS) for kind in kinds}
LAST_TIER = len(_TIERS)


def tier(key: ObjectKey) -> int:
    return _TIER_OF.get(key.kind, LAST_TIER)


def in_tiers(keys: Iterable[ObjectKey]) -> list[list[ObjectKey]]:
    """The keys, tier by tier; inside a tier their order is of no consequence."""
    ordered = sorted(keys, key=lambda key: (tier(key), key))
    return [list(members) for _, members in groupby(ordered, key=tier)]
