"""Which images of pods are looked at beside those of the manifests, and where such pods may be led. Pure.

Pods are other people's: an image of theirs is routed only where the proxy was seen to serve it to the license, and to
no other host than one that the license's signature vouches for. All others stay as they are written.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kotsapp.images.reference import InvalidReferenceError, parse
from kotsapp.images.routing import DEFAULT_PROXY_DOMAIN, Route
from kotsapp.license import License
from kotsapp.names import OF_PODS
from kotsapp.pods.seen import SeenPod
from kotsapp.verdicts.decision import Resolution
from kotsapp.verdicts.verification import Verified

# Beside the manifests' images in a status of 500: the largest public operators bring some 40.
MAX_POD_IMAGES = 200
# Names of pods come and go, and each change is a write.
MAX_POD_USERS = 3
KEPT = "; pods keep it as written"


@dataclass(frozen=True, slots=True)
class Target:
    """Where pods may be led: ``hosts`` are proxies, under which the images of ``slug`` are."""

    pull_secret: str
    hosts: tuple[str, ...]
    slug: str

    @classmethod
    def of(cls, license: License, pull_secret: str) -> "Target | None":
        """What the license's signature vouches for, None where none was verified."""
        if not license.verified:
            return None
        hosts = (DEFAULT_PROXY_DOMAIN, *filter(None, [license.proxy_domain]))
        return cls(pull_secret, tuple(dict.fromkeys(hosts)), license.app_slug)

    def to_status(self) -> dict[str, Any]:
        """As the admission policy reads it."""
        return {"pullSecret": self.pull_secret, "hosts": list(self.hosts)}

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What may stand in front of an image as it is written."""
        return tuple(f"{host}/proxy/{self.slug}/" for host in self.hosts)

    def vouches_for(self, image: str, pull: str) -> bool:
        """Whether pods with the image may pull this instead."""
        return pull == image or any(pull == prefix + image for prefix in self.prefixes)

    def written(self, image: str) -> str:
        """The image before it was routed."""
        return next((image.removeprefix(prefix) for prefix in self.prefixes if image.startswith(prefix)), image)


def routes(status: Mapping[str, Any]) -> dict[str, str]:
    """What the admission policy puts in whose place, by this status: a test holds the two equal.

    Images that stay the same and need the pull secret are among them.
    """
    pods, slug = status.get("pods"), (status.get("license") or {}).get("appSlug")
    if not pods or not slug:
        return {}
    target = Target(str(pods["pullSecret"]), tuple(pods["hosts"]), str(slug))
    return {
        str(entry["image"]): str(entry["pull"])
        for entry in status.get("images") or ()
        if entry.get("verified") == Verified.TRUE
        and entry.get("route") in (Route.PROXY, Route.REGISTRY)
        and entry.get("pull")
        and target.vouches_for(entry["image"], entry["pull"])
    }


def cut_in(status: Mapping[str, Any], resolutions: Sequence[Resolution]) -> tuple[str, ...]:
    """Routed images that a status counts and does not list, since it would be too large; none where it is of other
    images than ``resolutions``."""
    if (status.get("imageSummary") or {}).get("total") != len(resolutions):
        return ()
    listed = {entry["image"] for entry in status.get("images") or ()}
    return tuple(one.image for one in resolutions if one.is_routed and one.image not in listed)


def images_in(
    pods: Iterable[SeenPod],
    before: Sequence[Mapping[str, Any]],
    own: Collection[str],
    target: Target,
    *,
    room: int,
    keep: bool,
    anothers: Iterable[SeenPod] = (),
) -> dict[str, tuple[str, ...]]:
    """Images of pods that no manifest names, as the pods wrote them, with some of the pods.

    ``anothers`` are pods of another app's manifests: what these alone have is that app's.
    ``before`` are the images of the status, ``own`` those of the manifests. Those that were routed come first, with
    ``keep`` also while no pod uses them: the next pod must find them there. At most ``room`` in all.
    """
    live: dict[str, list[str]] = {}
    for pod in sorted((pod for pod in pods if not pod.over), key=lambda pod: (pod.created, pod.name)):
        for image in map(target.written, pod.images):
            if image not in own and is_reference(image):
                live.setdefault(image, []).append(str(pod))
    not_here = {target.written(image) for pod in anothers for image in pod.images}.difference(live).union(own)
    known = {str(entry["image"]): entry for entry in before if entry.get("origin") == OF_PODS}
    routed = [
        image
        for image, entry in known.items()
        if image not in not_here and entry.get("route") != Route.DIRECT and (keep or image in live)
    ]
    found = dict.fromkeys([*routed, *live])
    return {
        image: _users(live.get(image, ()), known.get(image, {}).get("usedBy") or ())
        for image in list(found)[: max(0, min(room, MAX_POD_IMAGES))]
    }


def for_pods(resolution: Resolution, target: Target) -> Resolution:
    """An image of pods, with the route that those pods get: their own, unless the other one is proved."""
    if resolution.route is Route.DIRECT:
        return resolution
    message = resolution.message.partition(KEPT)[0]
    if resolution.pull is None:
        return _as_written(resolution, message)
    if not target.vouches_for(resolution.image, resolution.pull):
        return _as_written(resolution, f"{message}{KEPT}: the license does not name the host of {resolution.pull}")
    if resolution.verified is not Verified.TRUE:
        why = f": {resolution.verified_message}" if resolution.verified_message else ""
        return _as_written(resolution, f"{message}{KEPT}{why}")
    if resolution.pull != resolution.image and (refused := parse(resolution.pull).refused_for):
        return _as_written(resolution, f"{message}{KEPT}: container runtimes refuse {resolution.pull}, for {refused}")
    return resolution


def _as_written(resolution: Resolution, message: str) -> Resolution:
    shown = message if KEPT in message else message + KEPT
    # What is refused for good is looked at again with all other images.
    again = None if resolution.verified is Verified.FALSE else resolution.retry_after
    kept = replace(resolution, route=Route.DIRECT, pull=resolution.image, message=shown, retry_after=again)
    return replace(kept, verified=Verified.UNKNOWN, verified_message="")


def _users(live: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """Some of the pods, those first that were named before; where there is none, those that were the last."""
    if not live:
        return tuple(before)
    there = set(live)
    return tuple(dict.fromkeys([*(name for name in before if name in there), *live]))[:MAX_POD_USERS]


def is_reference(image: str) -> bool:
    """Whether a registry can be asked for it."""
    try:
        parse(image)
    except InvalidReferenceError:
        return False
    return True
