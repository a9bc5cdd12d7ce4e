"""Which kinds are in no namespace, without a cluster to ask: Kubernetes' own, and those that a release defines."""

from collections.abc import Iterable, Mapping
from typing import Any

CLUSTER_SCOPED = frozenset(
    {
        ("", "Namespace"),
        ("", "Node"),
        ("", "PersistentVolume"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        ("networking.k8s.io", "IngressClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "CSIDriver"),
        ("storage.k8s.io", "StorageClass"),
        ("storage.k8s.io", "VolumeAttachment"),
    }
)


def cluster_scoped(objects: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """Group and kind of all that is known to be in no namespace: Kubernetes' own, and what ``objects`` define.

    A kind that is not known is taken for a namespaced one, as kustomize does.
    """
    defined = set()
    for obj in objects:
        spec = obj.get("spec")
        if obj.get("kind") == "CustomResourceDefinition" and isinstance(spec, Mapping):
            names = spec.get("names")
            if spec.get("scope") == "Cluster" and isinstance(names, Mapping):
                defined.add((str(spec.get("group")), str(names.get("kind"))))
    return CLUSTER_SCOPED | defined
