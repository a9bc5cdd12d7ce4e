"""Which pods are deleted, since their images are routed by now and they never ran. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from kotsapp.backoff import Backoff
from kotsapp.pods.seen import SeenPod

# A rollout of some size begins anew within a minute, and whatever goes wrong stops nobody's cluster.
MOST_A_MINUTE = 60
MINUTE = 60.0
# Between rounds for one controller and image. A policy that is there misses pods only while an API server starts; where
# it misses them for good, its pods are soon left alone.
ROUNDS = Backoff(first=600.0, longest=24 * 3600.0)
# Controllers and images of which it is known that pods were deleted.
MAX_REMEMBERED = 1_000

Key = tuple[str, str]  # the uid of a controller, and an image as written


@dataclass(frozen=True, slots=True)
class Restart:
    """A pod to delete, for this image of it, which would be pulled from elsewhere by now."""

    pod: SeenPod
    image: str
    pull: str


@dataclass(frozen=True, slots=True)
class Round:
    """``pods`` (by uid) are those that a controller had when the first of them was deleted, at ``began``: those are
    deleted, once, and what comes in their place is not before the next round. ``number`` counts rounds from 1."""

    pods: frozenset[str]
    began: float
    number: int = 1

    @property
    def next(self) -> float:
        """When there may be another round."""
        return self.began + ROUNDS.after(self.number)


@dataclass(frozen=True, slots=True)
class History:
    """What was deleted; ``moments`` are those of the last minute. Times are seconds of a clock that never goes back."""

    rounds: Mapping[Key, Round] = field(default_factory=dict)
    moments: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Restarts:
    """Pods to delete now, pods that are left as they are with the reason, and seconds until more may be deleted."""

    due: tuple[Restart, ...] = ()
    left: tuple[tuple[SeenPod, str], ...] = ()
    wait: float | None = None


def restarts(pods: Collection[SeenPod], routes: Mapping[str, str], history: History, now: float) -> Restarts:
    """What to do about pods that wait for an image. ``routes`` are what the policy puts in whose place; ``now`` is by
    the history's clock.

    A pod that ran is left: what it did is not done twice.
    """
    due, left, waits = [], [], []
    for pod in sorted(pods, key=lambda pod: (pod.created, pod.name)):
        image = next((i for i in pod.images if i in pod.unpulled and routes.get(i, i) != i), None)
        if image is None or pod.over:
            continue
        last = _round_of(pod, image, history)
        if why := _why_left(pod):
            left.append((pod, why))
        elif last is not None and pod.uid not in last.pods and now < last.next:
            left.append((pod, "the policy did not route it, as the one before it; tried again later"))
            waits.append(last.next - now)
        else:
            due.append(Restart(pod, image, routes[image]))
    recent = _recent(history, now)
    room = max(0, MOST_A_MINUTE - len(recent))
    if len(due) > room:
        waits.append(MINUTE - (now - min(recent)) if recent else MINUTE)
    return Restarts(tuple(due[:room]), tuple(left), min(waits, default=None))


def noted(history: History, done: Collection[Restart], pods: Collection[SeenPod], now: float) -> History:
    """The history after these were deleted; ``pods`` are all that were there."""
    rounds = dict(history.rounds)
    for restart in done:
        if (controller := restart.pod.controller) is None:
            continue
        key = (controller.uid, restart.image)
        last = rounds.get(key)
        if last is None or restart.pod.uid not in last.pods:
            siblings = frozenset(pod.uid for pod in pods if pod.controller and pod.controller.uid == controller.uid)
            rounds.pop(key, None)
            rounds[key] = Round(siblings, now, last.number + 1 if last else 1)
    newest = dict(list(rounds.items())[-MAX_REMEMBERED:])
    return replace(history, rounds=newest, moments=(*_recent(history, now), *[now] * len(done)))


def _recent(history: History, now: float) -> list[float]:
    return [moment for moment in history.moments if now - moment < MINUTE]


def _round_of(pod: SeenPod, image: str, history: History) -> Round | None:
    return history.rounds.get((pod.controller.uid, image)) if pod.controller else None


def _why_left(pod: SeenPod) -> str:
    if pod.ran:
        return "a container of it ran"
    if pod.controller is None:
        return "no controller would make it anew"
    return "its Job would count it as failed" if pod.controller.kind == "Job" else ""
