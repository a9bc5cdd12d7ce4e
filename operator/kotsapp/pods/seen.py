"""What is kept of a pod that others made: its name, owner, images, and why it does not start. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kotsapp.images.finder import images_of
from kotsapp.images.podspec import CONTAINER_LISTS
from kotsapp.kube.objects import Identity
from kotsapp.text import parse_rfc3339

# Why a container waits for its image; the kubelet goes from one to the other and back.
PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff"})
# What makes pods, with its group; and what has it made, whose name its own begins with.
_GROUPS = {"ReplicaSet": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "Job": "batch"}
_ABOVE = {"ReplicaSet": "Deployment", "Job": "CronJob"}
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


class Controller(NamedTuple):
    """Who makes a pod anew when it is gone."""

    kind: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class SeenPod:
    """One pod; ``images`` as its spec has them by now, ``unpulled`` those of them that containers wait for.

    ``ran`` says that any of its containers was ever started, ``over`` that it has ended or is being deleted;
    ``created`` is when it was made, by the API server's clock.
    """

    name: str
    uid: str
    version: str
    created: datetime
    controller: Controller | None
    images: tuple[str, ...]
    unpulled: frozenset[str] = frozenset()
    ran: bool = False
    over: bool = False

    def __str__(self) -> str:
        return f"Pod/{self.name}"

    def made_for(self, namespace: str) -> tuple[Identity, ...]:
        """The objects that it may be there for, nearest first: itself, or its workload, as manifests have it."""
        if self.controller is None:
            return (Identity("", "Pod", namespace, self.name),)
        kind, name, _ = self.controller
        if (group := _GROUPS.get(kind)) is None:
            return ()
        found = [Identity(group, kind, namespace, name)]
        if kind in _ABOVE:
            found.append(Identity(group, _ABOVE[kind], namespace, name.rpartition("-")[0]))
        return tuple(found)


def seen(pod: Mapping[str, Any]) -> SeenPod:
    """What is kept of a pod, as the API server shows it."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    uses = images_of({"apiVersion": "v1", "kind": "Pod", "spec": pod.get("spec") or {}})
    return SeenPod(
        name=str(metadata["name"]),
        uid=str(metadata["uid"]),
        version=str(metadata.get("resourceVersion") or ""),
        created=parse_rfc3339(metadata.get("creationTimestamp")) or datetime.now(UTC),
        controller=_controller(metadata),
        images=tuple(dict.fromkeys(use.image for use in uses)),
        unpulled=_unpulled(pod.get("spec") or {}, status),
        ran=any(_ran(one) for one in _statuses(status)),
        over=status.get("phase") in ("Succeeded", "Failed") or bool(metadata.get("deletionTimestamp")),
    )


def _controller(metadata: Mapping[str, Any]) -> Controller | None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return Controller(str(owner.get("kind")), str(owner.get("name")), str(owner.get("uid")))
    return None


def _unpulled(spec: Mapping[str, Any], status: Mapping[str, Any]) -> frozenset[str]:
    """Images of the containers that wait for one, and with them those of volumes: which of them is missing, only the
    message says."""
    waiting = {str(one.get("name")) for one in _statuses(status) if _waits_for_image(one)}
    if not waiting:
        return frozenset()
    containers = (one for field in CONTAINER_LISTS for one in spec.get(field) or ())
    images = {str(one.get("image")) for one in containers if one.get("name") in waiting}
    volumes = (volume.get("image") or {} for volume in spec.get("volumes") or ())
    return frozenset(images | {str(source["reference"]) for source in volumes if source.get("reference")})


def _statuses(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for field in _STATUSES:
        yield from status.get(field) or ()


def _waits_for_image(status: Mapping[str, Any]) -> bool:
    return ((status.get("state") or {}).get("waiting") or {}).get("reason") in PULL_REASONS


def _ran(status: Mapping[str, Any]) -> bool:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    return bool(
        "running" in state
        or "terminated" in state
        or "terminated" in last
        or status.get("restartCount")
        or status.get("started")
    )
