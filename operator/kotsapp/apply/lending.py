"""Which kinds the operator's own rights are lent to, for apps without an account (docs/rights.md). Pure.

``Lent.WORKLOADS`` lends what pods are made of, and nothing that reaches beyond the pods that an app brings. What an
Ingress, a NetworkPolicy or a ServiceAccount does is done to others, too: it is lent where whoever may write KotsApps
holds the ClusterRole ``edit`` anyway, which the administrator alone can know (``--lend edit``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kotsapp.kube.objects import GroupKind, ObjectKey, key_of

Kinds = Mapping[str, frozenset[str]]

# The same as in the shipped ClusterRoles, which a test holds against these tables.
WORKLOADS: Kinds = {
    "": frozenset({"ConfigMap", "PersistentVolumeClaim", "Pod", "ReplicationController", "Secret", "Service"}),
    "apps": frozenset({"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"}),
    "autoscaling": frozenset({"HorizontalPodAutoscaler"}),
    "batch": frozenset({"CronJob", "Job"}),
}
# What the ClusterRole edit lets write besides.
EDIT: Kinds = {
    "": frozenset({"ServiceAccount"}),
    "networking.k8s.io": frozenset({"Ingress", "NetworkPolicy"}),
    "policy": frozenset({"PodDisruptionBudget"}),
}
_SERVICE = GroupKind("", "Service")
_AUTOSCALER = GroupKind("autoscaling", "HorizontalPodAutoscaler")
_ACCOUNT = GroupKind("", "ServiceAccount")
_INSIDE = "ClusterIP"
NOT_LENT = "not applied without an account"


class Lent(StrEnum):
    """``--lend``: to what the operator lends its rights."""

    WORKLOADS = "workloads"
    """Pods, what makes them and what they mount, Services inside the cluster, autoscalers of own workloads."""
    EDIT = "edit"
    """Everything that the ClusterRole ``edit`` of Kubernetes lets write, and that the operator applies."""


@dataclass(frozen=True, slots=True)
class Loan:
    """What is lent to one app.

    ``objects`` are those that it brings, by group, kind and name, and ``accounts`` the names of the
    ServiceAccounts among them.
    """

    lent: Lent
    objects: frozenset[tuple[str, str, str]] = frozenset()
    accounts: frozenset[str] = frozenset()

    @classmethod
    def to(cls, objects: Iterable[Mapping[str, Any]], lent: Lent) -> "Loan":
        keys = [key_of(obj) for obj in objects]
        return cls(
            lent,
            frozenset((key.group, key.kind, key.name) for key in keys),
            frozenset(key.name for key in keys if key.group_kind == _ACCOUNT),
        )

    def withheld(self, obj: Mapping[str, Any]) -> str | None:
        """Why the object's kind, or what it reaches, is not lent; None when it is."""
        key = key_of(obj)
        if key.kind in WORKLOADS.get(key.group, ()):
            return None if self.lent is Lent.EDIT else self._reaches_beyond(obj)
        if self.lent is Lent.EDIT and is_of_edit(key):
            return None
        return NOT_LENT

    def lendable(self, obj: Mapping[str, Any]) -> bool:
        """Whether more would be lent to the object with ``--lend edit``."""
        return is_of_edit(key_of(obj)) and self.lent is not Lent.EDIT

    def _reaches_beyond(self, obj: Mapping[str, Any]) -> str | None:
        """What the object does to others than the app's own pods; None for nothing."""
        key, spec = key_of(obj), obj.get("spec")
        spec = spec if isinstance(spec, Mapping) else {}
        if key.group_kind == _SERVICE:
            kind = spec.get("type") or _INSIDE
            if kind != _INSIDE:
                return f"a Service of type {kind} leads out of the cluster's own network"
            if spec.get("externalIPs"):
                return "spec.externalIPs of a Service take addresses that may be somebody else's"
        if key.group_kind == _AUTOSCALER and not self._brings(spec.get("scaleTargetRef")):
            return "it would scale what this app does not bring"
        return None

    def _brings(self, target: Any) -> bool:
        if not isinstance(target, Mapping):
            return False
        group = str(target.get("apiVersion") or "").rpartition("/")[0]
        return (group, str(target.get("kind")), str(target.get("name"))) in self.objects


def is_of_edit(key: ObjectKey) -> bool:
    """Whether the ClusterRole ``edit`` lets write objects of the kind; of those that may be lent, that is."""
    return any(key.kind in kinds.get(key.group, ()) for kinds in (WORKLOADS, EDIT))


def is_lent_on_request(key: ObjectKey) -> bool:
    """Whether the operator has rights for objects of the kind by ``--lend edit`` alone."""
    return key.kind in EDIT.get(key.group, ())
