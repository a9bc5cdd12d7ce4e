"""Pods that others make in an app's namespace: their images, whether they are routed, and those to begin anew."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kotsapp.api.conditions import PODS_ROUTED, Condition, Reason, condition_in
from kotsapp.api.spec import Spec
from kotsapp.kube.errors import ApiError
from kotsapp.license import License
from kotsapp.pods.restart import Restart, Restarts, noted, restarts
from kotsapp.pods.routing import Target, cut_in, for_pods, images_in, routes
from kotsapp.pods.seen import SeenPod
from kotsapp.pods.watch import Interest, PodWatch
from kotsapp.reconcile import events, pods_condition, status
from kotsapp.reconcile.app import App
from kotsapp.reconcile.impersonation import client_of
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.pods_condition import RoutedPods
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.services import Services
from kotsapp.verdicts.decision import Resolution

# What was just written reaches the API server's own view of KotsApps a moment later.
SEEN_BY_POLICY = 1.0
# Namespaces' labels and policies are not watched: an administrator who changes them waits this long at most.
LOOK_AGAIN = 300.0
MISSING_POLL = 60.0
# A registry that was down is asked again no sooner than this.
MIN_RECHECK = 60.0


@dataclass(frozen=True, slots=True)
class PodImages:
    """Images of pods that no manifest names, with their users; ``target`` is None where no pods are routed."""

    target: Target | None = None
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def for_pods(self, resolved: Sequence[Resolution]) -> tuple[Resolution, ...]:
        """With the routes that pods get."""
        return tuple(for_pods(one, self.target) for one in resolved) if self.target else ()


class PodRouting:
    """The step of one reconciliation that is about pods that others make. ``wake_after`` are the seconds until it is
    to be looked at again by itself."""

    def __init__(self, app: App, services: Services, memory: Memory, progress: Progress) -> None:
        self.wake_after: float | None = None
        self._app = app
        self._services = services
        self._memory = memory
        self._progress = progress
        self._watch: PodWatch | None = None

    def stop(self) -> None:
        """Nothing is learned of pods any more."""
        self._services.pods.unfollow(self._app.key)

    def obsolete(self, spec: Spec) -> frozenset[str]:
        """Conditions that say nothing here."""
        return frozenset() if spec.pods.route else frozenset({PODS_ROUTED})

    async def images(self, spec: Spec, license: License, pull_secret: str, own: Collection[str]) -> PodImages:
        """What pods run beside the images of the manifests (``own``), once all pods are known."""
        if not spec.pods.route:
            self.stop()
            return PodImages()
        client = client_of(self._app, self._app.account, self._services)
        async with self._services.limiter.waiting(self._app.tenant):
            self._watch = await self._services.pods.follow(self._app.key, client)
        target = Target.of(license, pull_secret)
        if target is None:
            return PodImages()
        before = self._progress.before.get("images") or ()
        room = status.MAX_IMAGES - len(own)
        keep = not self._progress.sources_changed or not self._watch.is_complete
        pods, anothers = self._apart(self._watch.pods.values())
        found = images_in(pods, before, own, target, room=room, keep=keep, anothers=anothers)
        return PodImages(target, found)

    def _apart(self, pods: Iterable[SeenPod]) -> tuple[list[SeenPod], list[SeenPod]]:
        """Pods that may be this app's, and those that another app's manifests have made, which routes them itself."""
        ours: list[SeenPod] = []
        anothers: list[SeenPod] = []
        for pod in pods:
            holders = map(self._services.cache.holder, pod.made_for(self._app.namespace))
            another = next((holder for holder in holders if holder is not None), self._app.key) != self._app.key
            (anothers if another else ours).append(pod)
        return ours, anothers

    async def note(
        self, spec: Spec, target: Target | None, own: Sequence[Resolution], of_pods: Sequence[Resolution]
    ) -> None:
        """Tell what the policy reads, and whether it is there; delete pods whose images were routed too late."""
        if not spec.pods.route or self._watch is None:
            self._progress.found(pods={})
            return
        self._progress.found(pods=target.to_status() if target else {})
        soonest = [one.retry_after for one in of_pods if one.retry_after is not None]
        self._look_in(max(MIN_RECHECK, min(soonest)) if soonest else None)
        cut = cut_in(self._progress.before, [*own, *of_pods])
        found = RoutedPods(spec.proxy.verify, target, tuple(own), tuple(of_pods), self._watch.is_forbidden, cut)
        condition = await self._condition(found)
        self._look_in(LOOK_AGAIN if condition.status == "True" else MISSING_POLL)
        done = Restarts()
        refused = ""
        if pods_condition.routes_some(condition.status, condition.reason):
            done, refused = await self._restart(self._watch, [*own, *of_pods])
        self._progress.found(pods_condition.with_left(condition, done, refused))
        self._watch.followers[self._app.key] = self._interest(self._watch, [*own, *of_pods])

    async def _condition(self, found: RoutedPods) -> Condition:
        if (problem := pods_condition.problem(found, self._app)) is not None:
            return problem
        try:
            obstacle = await self._services.policies.obstacle(self._app.namespace)
        except ApiError as error:
            return Condition.unknown(PODS_ROUTED, Reason.API_UNAVAILABLE, f"the policy can't be looked at: {error}")
        return pods_condition.routed(found, obstacle, self._app, self._services.client.server_version)

    async def _restart(self, watch: PodWatch, resolutions: Sequence[Resolution]) -> tuple[Restarts, str]:
        """Delete pods that are to begin anew; what was decided, and why it could not be done."""
        before = self._progress.before
        known = routes(before)
        routed = {one.image for one in resolutions if one.is_routed}
        pods = list(watch.pods.values())
        if any(image in routed and image not in known for pod in pods for image in pod.unpulled):
            self._look_in(SEEN_BY_POLICY)  # the policy does not know it before it is in the status
        condition = condition_in(before, PODS_ROUTED) or {}
        if not pods_condition.routes_some(str(condition.get("status")), str(condition.get("reason"))):
            self._look_in(SEEN_BY_POLICY)
            return Restarts(), ""
        now = asyncio.get_running_loop().time()
        decided = restarts(pods, known, self._memory.restarts, now)
        done, refused = await self._delete(decided.due)
        self._memory.restarts = noted(self._memory.restarts, done, pods, now)
        self._progress.events += events.of_restarts(done)
        self._look_in(decided.wait)
        return decided, refused

    async def _delete(self, due: Sequence[Restart]) -> tuple[list[Restart], str]:
        """Those that were deleted, and the refusal that ended it.

        A pod that has changed meanwhile is looked at again: it may have begun to run, or wait by another name.
        """
        client = client_of(self._app, self._app.account, self._services)
        done: list[Restart] = []
        for restart in due:
            pod = restart.pod
            try:
                kind = await client.resource_type("v1", "Pod")
                gone = await client.delete(kind, pod.name, self._app.namespace, uid=pod.uid, version=pod.version)
            except ApiError as error:
                if error.status == 409:
                    self._look_in(SEEN_BY_POLICY)
                    continue
                return done, str(error)
            if gone:
                done.append(restart)
        return done, ""

    def _interest(self, watch: PodWatch, resolutions: Sequence[Resolution]) -> Interest:
        """Everything that was looked at just now."""
        images = {image for pod in watch.pods.values() for image in pod.images}
        images.update(name for one in resolutions for name in (one.image, one.pull) if name)
        return Interest(frozenset(images), frozenset(pod.uid for pod in watch.pods.values() if pod.unpulled))

    def _look_in(self, seconds: float | None) -> None:
        if seconds is not None:  # and never at once, in a circle
            seconds = max(seconds, SEEN_BY_POLICY)
            self.wake_after = seconds if self.wake_after is None else min(self.wake_after, seconds)
