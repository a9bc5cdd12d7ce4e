"""What a kubelet would say about a pod, given what came of pulling its images. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localworld.node.pull import Pulled

Object = dict[str, Any]

# On a pod (template), for tests of unhealthy workloads: what becomes of it once its images are there.
OUTCOME = "localworld/outcome"
Outcome = Literal["", "unready", "crash", "fail", "creating", "crash-loop"]
_OUTCOMES: frozenset[Outcome] = frozenset({"unready", "crash", "fail", "creating", "crash-loop"})
# `crash-loop:N`: its containers crash N times after a start, then they stay up.
_FOR_EVER = 1_000_000
_MESSAGE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """Where a container that crashes stands: how often it was restarted, and its times, RFC 3339.

    ``started`` None means that it is down, since ``ended``.
    """

    restarts: int
    started: str | None
    last_started: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A container whose image did not come."""

    reason: str
    message: str


Images = dict[str, "Pulled | Waiting"]


def images_of(pod: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, image) of every image that a pod needs, in the order of their start; a volume's name is `volume/NAME`."""
    spec = pod["spec"]
    volumes = [
        (f"volume/{volume['name']}", volume["image"]["reference"])
        for volume in spec.get("volumes") or []
        if (volume.get("image") or {}).get("reference")
    ]
    containers = [
        (container["name"], container.get("image", ""))
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(kind) or []
    ]
    return volumes + containers


def crashes(pod: Mapping[str, Any]) -> int:
    """How often the pod's containers crash after a start."""
    outcome, _, times = _annotated(pod).partition(":")
    if outcome != "crash-loop":
        return 0
    return int(times) if times.isdigit() else _FOR_EVER


def is_complete(pod: Mapping[str, Any], images: Images) -> bool:
    """Whether every image is there, so that the containers can start."""
    return all(_is_pulled(images.get(name)) for name, _ in images_of(pod))


def status(pod: Mapping[str, Any], images: Images, now: str, address: str, run: Run | None = None) -> Object:
    """The status of the pod; `images` has what is known so far, by the names of `images_of`.

    `run` is where containers that crash stand.
    """
    spec = pod["spec"]
    wanted = [name for name, _ in images_of(pod)]
    complete = is_complete(pod, images)
    volumes_there = all(_is_pulled(images.get(name)) for name in wanted if name.startswith("volume/"))
    initialized = volumes_there and all(
        _is_pulled(images.get(container["name"])) for container in spec.get("initContainers") or []
    )
    outcome = _outcome(pod)
    finished = complete and (outcome == "fail" or (outcome == "" and spec.get("restartPolicy", "Always") != "Always"))
    context = _Context(images, now, initialized, finished, outcome, run)
    up = outcome == "crash-loop" and run is not None and run.started is not None
    ready = complete and not finished and (outcome == "" or up)
    phase = "Pending" if not complete or outcome == "creating" else "Running"
    if finished:
        phase = "Failed" if outcome == "fail" else "Succeeded"
    result: Object = {
        "phase": phase,
        "hostIP": "127.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod.get("status", {}).get("startTime") or now,
        "conditions": _conditions(pod, now, initialized=initialized, ready=ready, finished=finished),
        "containerStatuses": [context.container(c) for c in spec["containers"]],
    }
    if spec.get("initContainers"):
        result["initContainerStatuses"] = [context.init(c) for c in spec["initContainers"]]
    if spec.get("ephemeralContainers"):
        result["ephemeralContainerStatuses"] = [context.container(c) for c in spec["ephemeralContainers"]]
    return result


@dataclass(frozen=True, slots=True)
class _Context:
    images: Images
    now: str
    initialized: bool
    finished: bool
    outcome: Outcome
    run: Run | None = None

    def init(self, container: Mapping[str, Any]) -> Object:
        """An init container: completed when its image came, or running if it is a sidecar."""
        pulled = self.images.get(container["name"])
        if not _is_pulled(pulled):
            return self._status(container, pulled, {"waiting": self._reason(pulled, "PodInitializing")}, ready=False)
        if container.get("restartPolicy") == "Always" and not self.finished:
            return self._status(container, pulled, {"running": {"startedAt": self.now}}, ready=True)
        return self._status(container, pulled, self._terminated(0), ready=True)

    def container(self, container: Mapping[str, Any]) -> Object:
        """A regular or ephemeral container: running when its image came and the init containers are done."""
        pulled = self.images.get(container["name"])
        if not self.initialized or not _is_pulled(pulled):
            default = "ContainerCreating" if self.initialized else "PodInitializing"
            return self._status(container, pulled, {"waiting": self._reason(pulled, default)}, ready=False)
        if self.finished:
            return self._status(container, pulled, self._terminated(int(self.outcome == "fail")), ready=False)
        if self.outcome == "crash":
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
            return {**self._status(container, pulled, {"waiting": waiting}, ready=False), "restartCount": 3}
        if self.outcome == "creating":
            return self._status(container, pulled, {"waiting": {"reason": "ContainerCreating"}}, ready=False)
        if self.outcome == "crash-loop" and self.run is not None:
            return self._looping(container, pulled, self.run)
        ready = self.outcome != "unready"
        return self._status(container, pulled, {"running": {"startedAt": self.now}}, ready=ready)

    def _status(
        self, container: Mapping[str, Any], pulled: Pulled | Waiting | None, state: Object, *, ready: bool
    ) -> Object:
        return {
            "name": container["name"],
            "image": container.get("image", ""),
            "imageID": "" if pulled is None or isinstance(pulled, Waiting) else pulled.image_id,
            "ready": ready,
            "started": "running" in state,
            "restartCount": 0,
            "state": state,
        }

    def _looping(self, container: Mapping[str, Any], pulled: Pulled | Waiting | None, run: Run) -> Object:
        state: Object = {"running": {"startedAt": run.started}}
        if run.started is None:
            waiting = "back-off restarting failed container"
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": waiting}}
        result = self._status(container, pulled, state, ready=run.started is not None)
        result["restartCount"] = run.restarts
        if run.ended:
            ended = {"startedAt": run.last_started, "finishedAt": run.ended, "exitCode": 1, "reason": "Error"}
            result["lastState"] = {"terminated": ended}
        return result

    def _terminated(self, code: int) -> Object:
        ended = {"startedAt": self.now, "finishedAt": self.now, "exitCode": code}
        return {"terminated": {**ended, "reason": "Error" if code else "Completed"}}

    @staticmethod
    def _reason(pulled: Pulled | Waiting | None, default: str) -> Object:
        if isinstance(pulled, Waiting):
            return {"reason": pulled.reason, "message": pulled.message[:_MESSAGE_CHARACTERS]}
        return {"reason": default}


def _is_pulled(found: Pulled | Waiting | None) -> bool:
    return found is not None and not isinstance(found, Waiting)


def _outcome(pod: Mapping[str, Any]) -> Outcome:
    wanted = _annotated(pod).partition(":")[0]
    return next((outcome for outcome in _OUTCOMES if outcome == wanted), "")


def _annotated(pod: Mapping[str, Any]) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(OUTCOME, ""))


def _conditions(pod: Mapping[str, Any], now: str, *, initialized: bool, ready: bool, finished: bool) -> list[Object]:
    """The node's conditions, with their times kept where nothing changed, after those that others set."""
    before = {condition["type"]: condition for condition in pod.get("status", {}).get("conditions") or []}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    open_gates = all(before.get(gate, {}).get("status") == "True" for gate in gates)
    reason = "PodCompleted" if finished else "ContainersNotReady"
    wanted = {
        "PodScheduled": (True, ""),
        "Initialized": (initialized, "" if initialized else "ContainersNotInitialized"),
        "ContainersReady": (ready, "" if ready else reason),
        "Ready": (ready and open_gates, "" if ready and open_gates else "ReadinessGatesNotReady" if ready else reason),
    }
    ours = [_condition(kind, holds, why, before.get(kind, {}), now) for kind, (holds, why) in wanted.items()]
    return [condition for kind, condition in before.items() if kind not in wanted] + ours


def _condition(kind: str, holds: bool, why: str, before: Mapping[str, Any], now: str) -> Object:
    value = "True" if holds else "False"
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    condition: Object = {"type": kind, "status": value, "lastTransitionTime": since or now}
    if why:
        condition["reason"] = why
    return condition
