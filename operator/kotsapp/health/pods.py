"""Why a pod doesn't run, in one line fit for a status: which image or container, what is wrong, what was said.

The line must not change while the trouble is the same, since each change is a write of the app's status: the names of
pods, counts of restarts and the two faces of a failed pull (the kubelet alternates between ErrImagePull and
ImagePullBackOff) are therefore left out, and a container between two crashes is reported as one that crashes.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from kotsapp.health.messages import MAX_CAUSE, clean, of_any_pod, one_line, start_error, unschedulable
from kotsapp.health.pod_events import Event, about, killer, probe_event, setup_failure
from kotsapp.health.probes import pending
from kotsapp.health.restarts import is_over, mapping, mappings, seconds, sidecar_names, steady_at

PULL_BACK_OFF = "ImagePullBackOff"
CRASH_LOOP = "CrashLoopBackOff"
# One restart is no loop: many programs fail once while what they need is starting too.
RESTARTS_OF_A_LOOP = 2
# Seconds: most pods have started by then, and nobody has to be asked why not.
EVENTS_AFTER = 10.0

_RETRIED_PULLS = frozenset({"ErrImagePull", PULL_BACK_OFF, "RegistryUnavailable", "SignatureValidationFailed"})
_OTHER_PULLS = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
# A runtime that can't start the process is a waiting container in one moment and a terminated one in the next.
_START_ERROR = "StartError"
_NOT_STARTED = frozenset({_START_ERROR, "ContainerCannotRun"})

_BACK_OFF = re.compile(r'Back-off pulling image "([^"]*)"(?:: )?')
_PULL_REASON = re.compile(rf"(?:{'|'.join(sorted(_RETRIED_PULLS))}): ")
_RPC = re.compile(r"rpc error: code = \w+ desc = ")


class Severity(IntEnum):
    """Which problem is reported first. Pulls lead, since pulling images is what this operator is for."""

    PULL = 0
    CONTAINER = 1
    CRASH = 2
    SETUP = 3
    SCHEDULING = 4
    FINISHED = 5
    RESTART = 6
    PROBE = 7
    INIT = 8

    @property
    def blocks(self) -> bool:
        """Whether it doesn't pass by itself, as a start that takes its time does."""
        return self < Severity.FINISHED


@dataclass(frozen=True, slots=True)
class PodProblem:
    """``subject`` is an image or a container; ``cause`` may be empty."""

    severity: Severity
    subject: str
    reason: str
    cause: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.subject, self.reason, self.cause) if part)


@dataclass(frozen=True, slots=True)
class _Container:
    """One container of a pod, with the events of the pod; ``subject`` is how to call it."""

    pod: Mapping[str, Any]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    subject: str
    lasting: bool
    events: Sequence[Event]

    @property
    def name(self) -> str:
        return str(self.status.get("name", ""))

    @property
    def state(self) -> Mapping[str, Any]:
        return mapping(self.status.get("state"))

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended, if it has, else how its run before ended."""
        last = mapping(mapping(self.status.get("lastState")).get("terminated"))
        return mapping(self.state.get("terminated")) or last


def worst_problem(
    pods: Iterable[Mapping[str, Any]],
    *,
    finished: bool = False,
    now: float = math.inf,
    events: Sequence[Event] = (),
) -> PodProblem | None:
    """The problem to report of all the pods' ones; the same for the same pods in any order.

    ``finished`` lets failed pods count, as is right for a Job's; a controller that keeps pods running has replaced
    them already. Pods that are being deleted never count. ``now`` is in seconds since the epoch; ``events`` of the
    pods explain what their status can't.
    """
    found = (problem for pod in pods if not is_deleting(pod) for problem in pod_problems(pod, now, events))
    wanted = (problem for problem in found if finished or problem.severity is not Severity.FINISHED)
    return min(wanted, key=lambda p: (p.severity, p.subject, p.reason, not p.cause, p.cause), default=None)


def pod_problems(pod: Mapping[str, Any], now: float = math.inf, events: Sequence[Event] = ()) -> Iterator[PodProblem]:
    status = mapping(pod.get("status"))
    if status.get("phase") == "Failed":
        yield from _failures(status)
        return
    mine = about(str(mapping(pod.get("metadata")).get("uid")), events) if events else []
    for container in _containers(pod, mine):
        problem = _container_problem(container, now)
        if problem is not None:
            yield problem
    if _is_being_set_up(status) and (failure := setup_failure(pod, mine)):
        yield PodProblem(Severity.SETUP, "", *failure)
    for condition in mappings(status.get("conditions")):
        match condition.get("type"), condition.get("reason"):
            case "PodScheduled", ("Unschedulable" | "SchedulingGated") as reason:
                cause = unschedulable(condition.get("message"))
                yield PodProblem(Severity.SCHEDULING, "", str(reason), cause)
            case "Ready", "ReadinessGatesNotReady":
                cause = of_any_pod(condition.get("message"), pod)
                yield PodProblem(Severity.PROBE, "", "ReadinessGatesNotReady", cause)


def explained_by_events(pod: Mapping[str, Any], now: float) -> str | None:
    """The pod's uid if its events may say what its status doesn't: set-up, probes. None for one that is young."""
    metadata = mapping(pod.get("metadata"))
    born = seconds(metadata.get("creationTimestamp"))
    if born is None or now - born < EVENTS_AFTER:
        return None
    worst = min(pod_problems(pod, now), key=lambda problem: problem.severity, default=None)
    status = mapping(pod.get("status"))
    if worst is None:
        return str(metadata.get("uid")) if _is_being_set_up(status) else None
    probed = any(_may_be_killed(container) for container in _containers(pod, ()))
    by_probe = worst.severity is Severity.PROBE or (worst.severity in (Severity.CRASH, Severity.RESTART) and probed)
    return str(metadata.get("uid")) if by_probe else None


def _may_be_killed(container: _Container) -> bool:
    return "livenessProbe" in container.spec or "startupProbe" in container.spec


def is_deleting(pod: Mapping[str, Any]) -> bool:
    return bool(mapping(pod.get("metadata")).get("deletionTimestamp"))


def _is_being_set_up(status: Mapping[str, Any]) -> bool:
    """Whether no container has run yet, on a node that has taken the pod."""
    containers = (*mappings(status.get("initContainerStatuses")), *mappings(status.get("containerStatuses")))
    states = [mapping(container.get("state")) for container in containers]
    return bool(states) and not any("running" in state or "terminated" in state for state in states)


def _containers(pod: Mapping[str, Any], events: Sequence[Event]) -> Iterator[_Container]:
    spec, status, sidecars = mapping(pod.get("spec")), mapping(pod.get("status")), sidecar_names(pod)
    for wanted, statuses, role in (
        ("initContainers", "initContainerStatuses", "init container"),
        ("containers", "containerStatuses", "container"),
    ):
        specs = {str(c.get("name")): c for c in mappings(spec.get(wanted))}
        for container in mappings(status.get(statuses)):
            name = str(container.get("name", ""))
            sidecar = name in sidecars and role == "init container"
            subject = f"{'sidecar container' if sidecar else role} {name}"
            lasting = sidecar or role == "container"
            yield _Container(pod, specs.get(name, {}), container, subject, lasting, events)


def _container_problem(container: _Container, now: float) -> PodProblem | None:
    waiting = mapping(container.state.get("waiting"))
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in _RETRIED_PULLS | _OTHER_PULLS:
        # An image volume's failure is reported on the container too, and only the message knows its reference.
        named = _BACK_OFF.match(message)
        # A status has references in the runtime's own spelling, the spec as the pod asks for them.
        image = named[1] if named else str(container.spec.get("image") or container.status.get("image", ""))
        shown_reason = PULL_BACK_OFF if reason in _RETRIED_PULLS else reason
        return PodProblem(Severity.PULL, image, shown_reason, _pull_cause(message))
    if reason == "RunContainerError" or (
        container.ended.get("reason") in _NOT_STARTED and "running" not in container.state
    ):
        cause = start_error(container.ended.get("message") or message, container.pod)
        return PodProblem(Severity.CONTAINER, container.subject, _START_ERROR, cause)
    if reason == CRASH_LOOP or _restarts_again(container, now):
        return PodProblem(Severity.CRASH, container.subject, CRASH_LOOP, _end(container))
    if reason not in _STARTING:
        return PodProblem(Severity.CONTAINER, container.subject, reason, of_any_pod(message, container.pod))
    if _has_ended(container) or not is_over(_steady_at(container), now):
        return PodProblem(Severity.RESTART, container.subject, "ended", _end(container))
    return _unfinished(container)


def _steady_at(container: _Container) -> float | None:
    return steady_at(container.status) if container.lasting and container.status.get("ready") else None


def _restarts_again(container: _Container, now: float) -> bool:
    """Between two back-offs a crashing container is running or terminated for a while: the loop goes on."""
    restarts = container.status.get("restartCount")
    if not isinstance(restarts, int) or restarts < RESTARTS_OF_A_LOOP:
        return False
    up = steady_at(container.status)
    if container.status.get("ready") or (up is not None and is_over(up, now)):
        return not is_over(_steady_at(container), now)
    code = container.ended.get("exitCode")
    # What is to stay up and ends well, again and again, is in a loop too; an init container that ends well is done.
    return code is not None if _stays_up(container) else bool(code)


def _stays_up(container: _Container) -> bool:
    policy = mapping(container.pod.get("spec")).get("restartPolicy", "Always")
    return container.lasting and policy == "Always"


def _has_ended(container: _Container) -> bool:
    """Whether it is down right now, and will be started again."""
    if mapping(container.pod.get("spec")).get("restartPolicy") == "Never":
        return False
    ended = mapping(container.state.get("terminated"))
    code = ended.get("exitCode")
    return code is not None if _stays_up(container) else bool(code)


def _unfinished(container: _Container) -> PodProblem | None:
    """What a running container has yet to come to."""
    if "running" not in container.state:
        return None
    if not container.lasting:
        return PodProblem(Severity.INIT, container.subject, "running", "")
    kind, target = pending(container.spec, container.status)
    if not kind:
        return None
    met = probe_event(container.name, kind, container.events)
    probe = f"{kind.lower()} probe ({target})"
    if met is None:
        return PodProblem(Severity.PROBE, container.subject, f"{probe} has not passed yet", "")
    return PodProblem(Severity.PROBE, container.subject, f"{probe} fails", met)


def _failures(status: Mapping[str, Any]) -> Iterator[PodProblem]:
    """What ended a pod for good."""
    if status.get("reason"):
        yield PodProblem(Severity.FINISHED, "pod", str(status["reason"]), clean(status.get("message")))
        return
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in mappings(status.get(field)):
            terminated = mapping(mapping(container.get("state")).get("terminated"))
            if terminated.get("exitCode"):
                subject = f"container {container.get('name', '')}"
                yield PodProblem(Severity.FINISHED, subject, "failed", _exit(terminated))


def _end(container: _Container) -> str:
    """How it ended: killed for a probe, if its events say so, and its exit code."""
    kind = killer(container.name, container.events)
    if not kind:
        return _exit(container.ended)
    met = probe_event(container.name, kind, container.events)
    killed = f"killed, its {kind.lower()} probe failed" + (f" ({met})" if met else "")
    return ", ".join(part for part in (killed, _exit(container.ended)) if part)


def _exit(terminated: Mapping[str, Any]) -> str:
    """The code and, where it says more, the reason. The termination message is the program's own and stays out."""
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
    line = one_line(cause)
    return line if len(line) <= MAX_CAUSE else "..." + line[3 - MAX_CAUSE :]
