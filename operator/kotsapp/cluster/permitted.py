"""What may be applied with the operator's own rights.

Whoever may write a KotsApp must not gain a right by it. Without an account to impersonate, the operator applies
only inside the KotsApp's namespace, only kinds that its shipped role lists, and nothing that would lend the rights
of another account or hand the object to another owner.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from kotsapp.cluster.objects import ObjectKey, key_of

# The same as in the shipped ClusterRole, which a test holds against this table.
PERMITTED_KINDS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {
            "ConfigMap",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "Secret",
            "Service",
            "ServiceAccount",
        }
    ),
    "apps": frozenset({"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"}),
    "autoscaling": frozenset({"HorizontalPodAutoscaler"}),
    "batch": frozenset({"CronJob", "Job"}),
    "networking.k8s.io": frozenset({"Ingress", "NetworkPolicy"}),
    "policy": frozenset({"PodDisruptionBudget"}),
}
TOKEN_SECRET_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a Secret's type
_HINT = "set spec.serviceAccountName to an account that may do this"


def refusal(
    obj: Mapping[str, Any], pod_specs: Iterable[Mapping[str, Any]], namespace: str, accounts: Collection[str]
) -> str | None:
    """Why the operator's own rights are not lent to this object; None when they are.

    ``pod_specs`` are those inside the object; ``accounts`` are the ServiceAccounts that the same app brings.
    """
    key = key_of(obj)
    if key.kind not in PERMITTED_KINDS.get(key.group, ()):
        return f"{key}: {_named(key)} is not among the kinds that are applied without an account; {_HINT}"
    if key.namespace != namespace:
        return f"{key}: it is in namespace {key.namespace}, the KotsApp in {namespace}; {_HINT}"
    if key.group_kind == ("", "Secret") and obj.get("type") == TOKEN_SECRET_TYPE:
        return f"{key}: a Secret of type {TOKEN_SECRET_TYPE} would hold another account's token; {_HINT}"
    for spec in pod_specs:
        account = spec.get("serviceAccountName") or spec.get("serviceAccount")
        if account and account != "default" and account not in accounts:
            return f"{key}: its pods would run as ServiceAccount {account}, which this app does not bring; {_HINT}"
    return None


def foreign_owner(obj: Mapping[str, Any]) -> str | None:
    """A manifest can't name owners: that would put the object's life into somebody else's hands."""
    if (obj.get("metadata") or {}).get("ownerReferences"):
        return f"{key_of(obj)}: metadata.ownerReferences can't be set in a manifest; remove it"
    return None


def _named(key: ObjectKey) -> str:
    return f"{key.kind} ({key.group})" if key.group else key.kind
