"""Why a pod doesn't run, in one line fit for a status: which image or container, what is wrong, what was said.

The line must not change while the trouble is the same, since each change is a write of the app's status: the names of
pods, counts of restarts and the two faces of a failed pull (the kubelet alternates between ErrImagePull and
ImagePullBackOff) are therefore left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

# What fits a status line; a scheduler's explanation on a big cluster is longer.
MAX_CAUSE = 400

PULL_BACK_OFF = "ImagePullBackOff"
CRASH_LOOP = "CrashLoopBackOff"
# One restart is no loop: many programs fail once while what they need is starting too.
RESTARTS_OF_A_LOOP = 2

_RETRIED_PULLS = frozenset({"ErrImagePull", PULL_BACK_OFF, "RegistryUnavailable", "SignatureValidationFailed"})
_OTHER_PULLS = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})

_BACK_OFF = re.compile(r'Back-off pulling image "([^"]*)"(?:: )?')
_PULL_REASON = re.compile(rf"(?:{'|'.join(sorted(_RETRIED_PULLS))}): ")
_RPC = re.compile(r"rpc error: code = \w+ desc = ")
# User and password of a URL, and its query: blob downloads are redirected to pre-signed URLs.
_URL = re.compile(r"(https?://)(?:[^\s/@\"']*@)?([^\s?\"']*)(?:\?[^\s\"']*)?")


class Severity(IntEnum):
    """Which problem is told first. Pulls lead, since pulling images is what this operator is for."""

    PULL = 0
    CONTAINER = 1
    CRASH = 2
    SCHEDULING = 3
    FINISHED = 4


@dataclass(frozen=True, slots=True)
class PodProblem:
    """``subject`` is an image or a container; ``cause`` may be empty."""

    severity: Severity
    subject: str
    reason: str
    cause: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.subject, self.reason, self.cause) if part)


def worst_problem(pods: Iterable[Mapping[str, Any]], *, finished: bool = False) -> PodProblem | None:
    """The problem to tell of all the pods' ones; the same for the same pods in any order.

    ``finished`` lets failed pods count, as is right for a Job's; a controller that keeps pods running has replaced
    them already. Pods that are being deleted never count.
    """
    found = (problem for pod in pods if not _deleting(pod) for problem in pod_problems(pod))
    wanted = (problem for problem in found if finished or problem.severity is not Severity.FINISHED)
    return min(wanted, key=lambda p: (p.severity, p.subject, p.reason, not p.cause, p.cause), default=None)


def pod_problems(pod: Mapping[str, Any]) -> Iterator[PodProblem]:
    status = _mapping(pod.get("status"))
    if status.get("phase") == "Failed":
        yield from _failures(status)
        return
    images = _images(_mapping(pod.get("spec")))
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in _mappings(status.get(field)):
            problem = _container_problem(container, images)
            if problem is not None:
                yield problem
    for condition in _mappings(status.get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield PodProblem(Severity.SCHEDULING, "", "Unschedulable", clean(condition.get("message")))


def _container_problem(container: Mapping[str, Any], images: Mapping[str, str]) -> PodProblem | None:
    name = str(container.get("name", ""))
    state = _mapping(container.get("state"))
    waiting = _mapping(state.get("waiting"))
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in _RETRIED_PULLS | _OTHER_PULLS:
        # An image volume's failure is reported on the container too, and only the message knows its reference.
        named = _BACK_OFF.match(message)
        image = named[1] if named else images.get(name) or str(container.get("image", ""))
        told = PULL_BACK_OFF if reason in _RETRIED_PULLS else reason
        return PodProblem(Severity.PULL, image, told, _pull_cause(message))
    if reason == CRASH_LOOP or _restarts_again(container, state):
        last = _mapping(_mapping(container.get("lastState")).get("terminated"))
        return PodProblem(Severity.CRASH, f"container {name}", CRASH_LOOP, _exit(last or _terminated(state)))
    if reason not in _STARTING:
        return PodProblem(Severity.CONTAINER, f"container {name}", reason, clean(message))
    return None


def _restarts_again(container: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Between two back-offs a crashing container is running or terminated for a while: the loop goes on."""
    restarts = container.get("restartCount")
    if not isinstance(restarts, int) or restarts < RESTARTS_OF_A_LOOP or container.get("ready"):
        return False
    last = _mapping(_mapping(container.get("lastState")).get("terminated"))
    return bool((_terminated(state) or last).get("exitCode"))


def _failures(status: Mapping[str, Any]) -> Iterator[PodProblem]:
    """What ended a pod for good."""
    if status.get("reason"):
        yield PodProblem(Severity.FINISHED, "pod", str(status["reason"]), clean(status.get("message")))
        return
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in _mappings(status.get(field)):
            terminated = _terminated(_mapping(container.get("state")))
            if terminated.get("exitCode"):
                subject = f"container {container.get('name', '')}"
                yield PodProblem(Severity.FINISHED, subject, "failed", _exit(terminated))


def _exit(terminated: Mapping[str, Any]) -> str:
    """The code and, where it tells more, the reason. The termination message is the program's own and stays out."""
    code, reason = terminated.get("exitCode"), terminated.get("reason")
    if code is None:
        return ""
    return f"exit code {code}" if reason in (None, "", "Error", "Completed") else f"exit code {code} ({reason})"


def _pull_cause(message: str) -> str:
    """What the registry or the runtime said, without what the kubelet wraps around it."""
    cause = message
    for wrapping in (_BACK_OFF, _PULL_REASON, _RPC):
        cause = wrapping.sub("", cause, count=1) if wrapping.match(cause) else cause
    # The reference is repeated several times before it is said what happened: the end is kept.
    line = _one_line(cause)
    return line if len(line) <= MAX_CAUSE else "..." + line[3 - MAX_CAUSE :]


def clean(text: object) -> str:
    """One line of at most MAX_CAUSE characters, without credentials or queries of URLs."""
    line = _one_line(text)
    return line if len(line) <= MAX_CAUSE else line[: MAX_CAUSE - 3] + "..."


def _one_line(text: object) -> str:
    return " ".join(_URL.sub(r"\1\2", str(text or "")).split())


def _images(spec: Mapping[str, Any]) -> dict[str, str]:
    """References as the pod asks for them; a status has them in the runtime's own spelling."""
    containers = (*_mappings(spec.get("initContainers")), *_mappings(spec.get("containers")))
    return {str(c["name"]): str(c["image"]) for c in containers if c.get("name") and c.get("image")}


def _terminated(state: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(state.get("terminated"))


def _deleting(pod: Mapping[str, Any]) -> bool:
    return bool(_mapping(pod.get("metadata")).get("deletionTimestamp"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else ()
