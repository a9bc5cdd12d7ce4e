"""Which pods are deleted once, since their images were routed after they were made and they never ran. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kotsapp.pods.seen import SeenPod

# A rollout of some size begins anew within a minute, and whatever goes wrong stops nobody's cluster.
MOST_A_MINUTE = 60
MINUTE = 60.0
# Controllers and images of which it is known that a pod was deleted.
MAX_REMEMBERED = 1_000
# Between the clocks of the API server, which says when a pod was made, and of whoever says when an image was routed.
SKEW = timedelta(seconds=10)

Key = tuple[str, str]  # the uid of a controller, and an image as written


@dataclass(frozen=True, slots=True)
class Restart:
    """A pod to delete, for this image of it, which would be pulled from elsewhere by now."""

    pod: SeenPod
    image: str
    pull: str


@dataclass(frozen=True, slots=True)
class History:
    """What was deleted: ``once`` are the pods that a controller had when the first of them was deleted for an image,
    and so the only ones; ``moments`` are those of the last minute, in seconds of a clock that never goes back."""

    once: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    moments: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Restarts:
    """Pods to delete now, pods that are left as they are with the reason, and seconds until more may be deleted."""

    due: tuple[Restart, ...] = ()
    left: tuple[tuple[SeenPod, str], ...] = ()
    wait: float | None = None


def restarts(
    pods: Collection[SeenPod],
    routes: Mapping[str, str],
    routed_at: Mapping[str, datetime],
    history: History,
    now: float,
) -> Restarts:
    """What to do about pods that wait for an image. ``routes`` are what the policy puts in whose place, ``routed_at``
    since when; ``now`` is by the history's clock.

    A pod that was made after its image was routed is left: the policy did not route it, and a new one would be no
    other. So is a pod that ran: what it did is not done twice.
    """
    due, left = [], []
    for pod in sorted(pods, key=lambda pod: (pod.created, pod.name)):
        image = next((i for i in pod.images if i in pod.unpulled and routes.get(i, i) != i), None)
        if image is None or pod.over:
            continue
        if why := _why_left(pod, image, routed_at[image], history):
            left.append((pod, why))
        else:
            due.append(Restart(pod, image, routes[image]))
    recent = [moment for moment in history.moments if now - moment < MINUTE]
    room = MOST_A_MINUTE - len(recent)
    wait = None
    if len(due) > room:
        wait = max(0.0, MINUTE - (now - min(recent))) if recent else MINUTE
    return Restarts(tuple(due[: max(0, room)]), tuple(left), wait)


def noted(history: History, done: Collection[Restart], pods: Collection[SeenPod], now: float) -> History:
    """The history after these were deleted; ``pods`` are all that were there."""
    once = dict(history.once)
    for restart in done:
        if (controller := restart.pod.controller) is not None:
            siblings = frozenset(pod.uid for pod in pods if pod.controller and pod.controller.uid == controller.uid)
            once.setdefault((controller.uid, restart.image), siblings)
    recent = [moment for moment in history.moments if now - moment < MINUTE]
    newest = dict(list(once.items())[-MAX_REMEMBERED:])
    return replace(history, once=newest, moments=(*recent, *[now] * len(done)))


def _why_left(pod: SeenPod, image: str, routed_at: datetime, history: History) -> str:
    if pod.ran:
        return "a container of it ran"
    if pod.created > routed_at + SKEW:
        return "it was made after its image was routed, and the policy did not see it"
    if pod.controller is None:
        return "no controller would make it anew"
    if pod.controller.kind == "Job":
        return "its Job would count it as failed"
    siblings = history.once.get((pod.controller.uid, image))
    if siblings is not None and pod.uid not in siblings:
        return f"the one before it was deleted for {image} already"
    return ""
