"""Every image of a release, settled: found, asked for, routed, and checked with the license."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kotsapp.api.conditions import IMAGES_PULLABLE, IMAGES_RESOLVED, Condition, Reason, counted
from kotsapp.api.spec import Spec, Verify
from kotsapp.images.image_path import ImagePath
from kotsapp.images.podspec import unmatched
from kotsapp.images.reference import InvalidReferenceError, Reference, parse
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains, Route
from kotsapp.license import License
from kotsapp.pullsecret import USER_NAME
from kotsapp.reconcile.app import Memory
from kotsapp.reconcile.outcome import stop
from kotsapp.reconcile.plan import use_names
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.status import Report
from kotsapp.reconcile.verdict_history import Earlier, previous_in
from kotsapp.registry.credential import Credential
from kotsapp.release.reader import Release
from kotsapp.verdicts.decision import Settled
from kotsapp.verdicts.resolver import Policy, resolve
from kotsapp.verdicts.verification import Verified

MAX_NAMED = 5
# A registry that was down is asked again no sooner than this while older evidence serves.
MIN_RECHECK = 60.0


@dataclass(frozen=True, slots=True)
class Decided:
    """``held`` are routed images that the license can't be shown to pull, when that is enforced.

    ``domains`` are the hosts that the license opens for these images.
    """

    domains: Domains
    settled: tuple[Settled, ...]
    held: tuple[Settled, ...]
    condition: Condition
    pullable: tuple[Condition, ...]

    @property
    def undecided(self) -> list[Settled]:
        return [settled for settled in self.settled if settled.undecided]

    @property
    def proxied(self) -> int:
        return sum(settled.route is Route.PROXY for settled in self.settled)

    @property
    def pulls(self) -> dict[str, Pull]:
        """What rewriting needs, by the reference as written."""
        return {
            settled.image: Pull(settled.pull, settled.route.needs_secret)
            for settled in self.settled
            if settled.route is not None and settled.pull is not None
        }

    @property
    def retry_after(self) -> float | None:
        """Seconds until what held the rollout back is worth asking again; None leaves it to the worker's backoff."""
        waits = [s.retry_after for s in (*self.undecided, *self.held) if s.retry_after is not None]
        return min(waits) if waits else None

    @property
    def recheck_after(self) -> float | None:
        """Seconds until it is worth asking again what older evidence stands in for, or could not be verified."""
        waits = [s.retry_after for s in self.settled if s.retry_after is not None]
        return max(MIN_RECHECK, min(waits)) if waits else None


async def decide_images(
    spec: Spec,
    license_: License,
    domains: Domains,
    release: Release,
    memory: Memory,
    services: Services,
    report: Report,
) -> Decided:
    """Settle all images at once and report them; raises Halt for a reference that can't be parsed."""
    users = use_names(release.objects, spec.image_paths)
    for image, names in release.reported_images.items():
        users.setdefault(image, []).extend(name for name in names if name not in users.get(image, ()))
    for image in release.local_images:
        users.setdefault(image, []).append("LocalImageName")
    references = _parse(users)
    domains = domains.opening(references)
    refresh = memory.refresh
    policy = Policy(
        domains=domains,
        app_slug=license_.app_slug,
        exclude=spec.probe.exclude,
        public_images=spec.proxy.public_images or release.proxy_public_images,
        verify=spec.proxy.verify is not Verify.OFF,
        on_undecided=spec.probe.on_undecided,
        timeout=spec.probe.timeout,
        max_age=spec.probe.interval,
    )
    credential = Credential(USER_NAME, license_.license_id, domains.hosts)
    before = report.image_entries()
    earlier = memory.earlier = memory.earlier or Earlier.of(report)
    if refresh:
        earlier.forget()
    known = {reference: earlier.known(reference, spec.probe.interval) for reference in references}

    async def one(reference: Reference) -> Settled:
        return await resolve(
            services.prober,
            reference,
            policy,
            credential=credential,
            previous=previous_in(before.get(reference.written)) or earlier.beyond_status.get(reference.written),
            known=known[reference],
            refresh=refresh,
        )

    async with services.gate.waiting():
        settled = tuple(await asyncio.gather(*(one(reference) for reference in references)))
    memory.refresh = False
    earlier.note(settled)
    report.images(settled, users, verified=policy.verify)
    held = tuple(s for s in settled if _is_held(s)) if spec.proxy.verify is Verify.ENFORCE else ()
    resolved = _resolved(settled, users, unmatched(release.objects, spec.image_paths))
    pullable = _pullable(settled, spec.proxy.verify)
    report.note(resolved, *pullable)
    if not pullable:
        report.drop(IMAGES_PULLABLE)
    return Decided(domains, settled, held, resolved, pullable)


def _parse(users: Mapping[str, Sequence[str]]) -> list[Reference]:
    references, problems = [], []
    for image, names in users.items():
        try:
            references.append(parse(image))
        except InvalidReferenceError as error:
            problems.append(f"{_shown(names)}: {error}; mend it in the manifests")
    if problems:
        message = "; ".join(problems[:MAX_NAMED])
        raise stop(Reason.INVALID_IMAGE, message, Condition.false(IMAGES_RESOLVED, Reason.INVALID_IMAGE, message))
    return references


def _is_held(settled: Settled) -> bool:
    return settled.route is not None and settled.route.needs_secret and settled.verified is not Verified.TRUE


def _resolved(
    settled: Sequence[Settled], users: Mapping[str, Sequence[str]], nowhere: Sequence[ImagePath]
) -> Condition:
    undecided = [s for s in settled if s.undecided]
    if not undecided:
        message = f"{counted(len(settled), 'image')} resolved"
        if nowhere:
            message += f"; spec.imagePaths finds no image at {', '.join(map(str, nowhere[:MAX_NAMED]))}"
        return Condition.true(IMAGES_RESOLVED, message)
    named = "; ".join(f"{s.image} ({_shown(users[s.image])}): {s.message}" for s in undecided[:MAX_NAMED])
    more = f"; and {len(undecided) - MAX_NAMED} more" if len(undecided) > MAX_NAMED else ""
    message = f"{len(undecided)} of {len(settled)} images undecided: {named}{more}"
    return Condition.false(IMAGES_RESOLVED, Reason.IMAGES_UNDECIDED, message)


def _shown(users: Sequence[str]) -> str:
    more = f" and {len(users) - MAX_NAMED} more" if len(users) > MAX_NAMED else ""
    return ", ".join(users[:MAX_NAMED]) + more


def _pullable(settled: Sequence[Settled], verify: Verify) -> tuple[Condition, ...]:
    routed = [s for s in settled if s.route is not None and s.route.needs_secret]
    if verify is Verify.OFF or not routed:
        return ()
    refused = [s for s in routed if s.verified is Verified.FALSE]
    unknown = [s for s in routed if s.verified is Verified.UNKNOWN]
    named = "; ".join(f"{s.pull}: {s.verified_message}" for s in (refused or unknown)[:MAX_NAMED])
    if refused:
        return (Condition.false(IMAGES_PULLABLE, Reason.IMAGES_NOT_PULLABLE, f"{len(refused)} refused: {named}"),)
    if unknown:
        return (Condition.unknown(IMAGES_PULLABLE, "Unverified", f"{len(unknown)} could not be checked: {named}"),)
    return (Condition.true(IMAGES_PULLABLE, f"the license pulls all {len(routed)} routed images"),)
