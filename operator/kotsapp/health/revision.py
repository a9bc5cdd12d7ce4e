"""Which pods are of the newest pod template, by what controllers write on themselves and on their pods."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.health.restarts import mapping, mappings

# In the condition Progressing, whichever its reason: `ReplicaSet "api-7d9f8c" is progressing.`
_REPLICA_SET = re.compile(r'replica ?set "([^"]+)"', re.IGNORECASE)
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


@dataclass(frozen=True, slots=True)
class Revision:
    """``label`` is of pods; empty for the name of the ReplicaSet that owns them."""

    label: str
    value: str

    def has(self, pod: Mapping[str, Any]) -> bool:
        metadata = mapping(pod.get("metadata"))
        if self.label:
            return mapping(metadata.get("labels")).get(self.label) == self.value
        return any(owner.get("name") == self.value for owner in mappings(metadata.get("ownerReferences")))


def revision_of(workload: Mapping[str, Any]) -> Revision | None:
    """The newest revision of a Deployment, StatefulSet or DaemonSet; None where nothing says which it is."""
    status = mapping(workload.get("status"))
    match workload.get("kind"):
        case "Deployment":
            condition = next((c for c in mappings(status.get("conditions")) if c.get("type") == "Progressing"), {})
            found = _REPLICA_SET.search(str(condition.get("message") or ""))
            return Revision("", found[1]) if found else None
        case "StatefulSet" if status.get("updateRevision"):
            return Revision("controller-revision-hash", str(status["updateRevision"]))
        case "DaemonSet":
            annotations = mapping(mapping(workload.get("metadata")).get("annotations"))
            generation = annotations.get(_TEMPLATE_GENERATION)
            return Revision("pod-template-generation", str(generation)) if generation else None
    return None
