"""Every image of a release, found, asked for, routed, and checked with the license; what that means for the rollout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kotsapp.api.conditions import IMAGES_PULLABLE, IMAGES_RESOLVED, Condition, Reason
from kotsapp.api.spec import Spec, Verify
from kotsapp.images.finder import unmatched
from kotsapp.images.image_path import ImagePath
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains
from kotsapp.images.unhandled import UnhandledImage, still_unhandled
from kotsapp.images.usage import InvalidImagesError, Users, collect_users, uses_of, without_place
from kotsapp.license import License
from kotsapp.reconcile.app import App
from kotsapp.reconcile.image_bounds import refuse_costly_paths, refuse_many
from kotsapp.reconcile.outcome import ReconcileError, retryable, terminal
from kotsapp.reconcile.status import ImageFindings
from kotsapp.release.reader import Release
from kotsapp.text import counted, listed, rfc3339
from kotsapp.verdicts.decision import Resolution
from kotsapp.verdicts.resolver import Policy, Routing
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

MAX_NAMED = 5
# A registry that was down is asked again no sooner than this while older evidence serves.
MIN_RECHECK = 60.0


@dataclass(frozen=True, slots=True)
class Used:
    """Every image that a release uses or asks for, with its users; what to say of those that stand where no pull
    secret can be named; and what looks like an image and is not handled."""

    users: Users
    without_place: Mapping[str, str]
    unhandled: tuple[UnhandledImage, ...] = ()


@dataclass(frozen=True, slots=True)
class ImagesResult:
    """``withheld`` are routed images that the license can't be shown to pull, when that is enforced."""

    routing: Routing
    used: Used
    verify: Verify
    unmatched: tuple[ImagePath, ...] = ()

    @property
    def users(self) -> Users:
        return self.used.users

    @property
    def pulls(self) -> dict[str, Pull]:
        return self.routing.pulls

    @property
    def withheld(self) -> list[Resolution]:
        return self.routing.unverified if self.verify is Verify.ENFORCE else []

    @property
    def refused(self) -> list[Resolution]:
        """Routed images that the proxy or the registry refuses to the license."""
        if self.verify is Verify.OFF:
            return []
        return [s for s in self.routing.resolutions if s.is_routed and s.verified is Verified.FALSE]

    @property
    def refusal(self) -> str:
        """Which images are refused to the license, and what to do."""
        shown = [f"{s.pull}: {s.verified_message} (used by {listed(self.users[s.image], 2)})" for s in self.refused]
        return (
            f"the license can't pull {counted(len(shown), 'image')}: {listed(shown, MAX_NAMED, '; ')}. Check name and"
            " tag; if they are right, ask the vendor for access. Asked again by itself"
        )

    @property
    def summary(self) -> str:
        return f"{counted(len(self.routing.resolutions), 'image')}, {self.routing.proxied} through the proxy"

    @property
    def recheck_after(self) -> float | None:
        """Seconds until it is worth asking again what older evidence stands in for, or could not be verified."""
        wait = _soonest(self.routing.resolutions)
        return None if wait is None else max(MIN_RECHECK, wait)

    def findings(self, of_pods: Sequence[Resolution] = (), users: Users | None = None) -> ImageFindings:
        """What status shows of the images, asked for now, and beside them of those ``of_pods`` with their users."""
        return ImageFindings(
            resolutions=(*self.routing.resolutions, *of_pods),
            users={**self.users, **(users or {})},
            verified=self.verify is not Verify.OFF,
            at=rfc3339(),
            notes={s.image: self.used.without_place.get(s.image, "") for s in self.routing.resolutions if s.is_routed},
            unhandled=self.used.unhandled,
            of_pods=frozenset(one.image for one in of_pods),
        )

    def conditions(self) -> tuple[Condition, ...]:
        return (self._resolved(), *self.pullable())

    def obsolete(self) -> frozenset[str]:
        """Conditions that say nothing here: no image is routed, or nobody wants to know."""
        return frozenset() if self.pullable() else frozenset({IMAGES_PULLABLE})

    def pullable(self) -> tuple[Condition, ...]:
        """Whether the license pulls what is routed; empty where that is not asked."""
        routed = [s for s in self.routing.resolutions if s.is_routed]
        if self.verify is Verify.OFF or not routed:
            return ()
        refused = self.refused
        unknown = [s for s in routed if s.verified is Verified.UNKNOWN]
        named = "; ".join(f"{s.pull}: {s.verified_message}" for s in (refused or unknown)[:MAX_NAMED])
        if refused:
            return (Condition.false(IMAGES_PULLABLE, Reason.IMAGES_NOT_PULLABLE, f"{len(refused)} refused: {named}"),)
        if unknown:
            return (
                Condition.unknown(IMAGES_PULLABLE, Reason.UNVERIFIED, f"{len(unknown)} could not be checked: {named}"),
            )
        return (Condition.true(IMAGES_PULLABLE, f"the license pulls what is routed, {counted(len(routed), 'image')}"),)

    def obstacle(self) -> ReconcileError | None:
        """Why nothing new rolls out: an image is undecided, or can't be pulled where that is enforced."""
        undecided, withheld = self.routing.undecided, self.withheld
        wait = _soonest([*undecided, *withheld])
        if undecided:
            not_found = all(one.verdict is Verdict.NOT_FOUND for one in undecided)
            message = (
                # First what to do, and what it means: Ready's message is cut where it is long.
                f"{'Check name and tag; nothing' if not_found else 'Nothing'} rolls out, and it is asked again by"
                f" itself: {self._resolved().message}; spec.probe.onUndecided or spec.probe.exclude settle it without"
                " an answer"
            )
            return retryable(Reason.IMAGES_UNDECIDED, message, retry_after=wait)
        if withheld:
            shown = "; ".join(f"{s.pull}: {s.verified_message}" for s in withheld[:MAX_NAMED])
            message = (
                f"the license can't be shown to pull {counted(len(withheld), 'image')}, nothing rolls out: {shown}."
                " Asked again by itself; ask the vendor for access, or check name and tag"
            )
            return retryable(Reason.IMAGES_NOT_PULLABLE, message, retry_after=wait)
        return None

    def _resolved(self) -> Condition:
        undecided, total = self.routing.undecided, len(self.routing.resolutions)
        if not undecided:
            message = f"{counted(total, 'image')} resolved"
            if self.unmatched:
                message += f"; spec.imagePaths finds no image at {', '.join(map(str, self.unmatched[:MAX_NAMED]))}"
            if self.used.unhandled:
                message += f"; looking like images elsewhere: {len(self.used.unhandled)}, see status.unhandledImages"
            return Condition.true(IMAGES_RESOLVED, message)
        shown = [f"{s.image} ({listed(self.users[s.image], MAX_NAMED)}): {s.message}" for s in undecided]
        message = f"{len(undecided)} of {total} images undecided: {listed(shown, MAX_NAMED, '; ')}"
        return Condition.false(IMAGES_RESOLVED, Reason.IMAGES_UNDECIDED, message)


def used_in(release: Release, spec: Spec) -> Used:
    """What is no reference is among the users. Raises ReconcileError where there are too many to look at."""
    refuse_costly_paths(release.objects, spec.image_paths)
    named = uses_of(release.objects, spec.image_paths)
    users = collect_users(named, release.reported_images, release.local_images)
    refuse_many(users)
    return Used(users, without_place(named), still_unhandled(release.unhandled, named))


def result(routing: Routing, used: Used, release: Release, spec: Spec) -> ImagesResult:
    """What the resolved images mean for the rollout of this release."""
    return ImagesResult(routing, used, spec.proxy.verify, tuple(unmatched(release.objects, spec.image_paths)))


def split(routing: Routing, users: Users) -> tuple[Routing, tuple[Resolution, ...]]:
    """The images of the release, and those that only pods use, which hold nothing back."""
    own = tuple(one for one in routing.resolutions if one.image in users)
    return Routing(routing.domains, own), tuple(one for one in routing.resolutions if one.image not in users)


def policy(app: App, spec: Spec, license: License, release: Release, domains: Domains) -> Policy:
    """How the app's images are to be resolved; ``domains`` are those that the license opens for them."""
    return Policy(
        domains=domains,
        app_slug=license.app_slug,
        exclude=spec.probe.exclude,
        public_images=spec.proxy.public_images or release.proxy_public_images,
        verify=spec.proxy.verify is not Verify.OFF,
        on_undecided=spec.probe.on_undecided,
        timeout=spec.probe.timeout,
        max_age=spec.probe.interval,
        tenant=app.tenant,
    )


def invalid(error: InvalidImagesError) -> ReconcileError:
    """Images that are no references end the reconciliation."""
    condition = Condition.false(IMAGES_RESOLVED, Reason.INVALID_IMAGE, str(error))
    return terminal(Reason.INVALID_IMAGE, str(error), condition)


def _soonest(resolutions: Sequence[Resolution]) -> float | None:
    """Seconds until one of these is worth asking again; None leaves it to the worker's backoff."""
    waits = [s.retry_after for s in resolutions if s.retry_after is not None]
    return min(waits) if waits else None
