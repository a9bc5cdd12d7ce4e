"""Images from reference to route: classify, probe, ask the proxy, resolve."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kotsapp.fair_queue import NOBODY, Tenant
from kotsapp.images.reference import Reference, parse
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.registry.credential import Credential
from kotsapp.verdicts.decision import OnUndecided, Previous, Resolution, resolution, unprobed
from kotsapp.verdicts.exemptions import classify
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict, route_of
from kotsapp.verdicts.verification import Verification, Verified, shown_before


@dataclass(frozen=True, slots=True)
class Policy:
    """What a KotsApp says about its images. ``timeout`` and ``max_age`` are seconds, ``tenant`` is on whose behalf
    registries are asked.

    ``verify`` asks the proxy with the license for every routed image; undecided ones are asked for in any case.
    """

    domains: Domains
    app_slug: str
    exclude: tuple[str, ...] = ()
    public_images: bool = False
    verify: bool = True
    on_undecided: OnUndecided = OnUndecided.WAIT
    timeout: float = 10.0
    max_age: float = 3600.0
    tenant: Tenant = NOBODY


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of images from before, by the reference as written.

    ``fresh`` are verdicts for which the registry isn't asked; ``previous`` are the last decisive ones, however old.
    ``refresh`` asks for everything anew. ``proved`` are references that this license was shown to pull, as pods use
    them: an outage takes no proof back.
    """

    fresh: Mapping[str, ProbeResult] = field(default_factory=dict)
    previous: Mapping[str, Previous] = field(default_factory=dict)
    refresh: bool = False
    proved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Routing:
    """All images of a release, each with its route. ``domains`` are the hosts that the license opens for them."""

    domains: Domains
    resolutions: tuple[Resolution, ...]

    @property
    def undecided(self) -> list[Resolution]:
        return [one for one in self.resolutions if one.undecided]

    @property
    def unverified(self) -> list[Resolution]:
        """Routed images that the license was not shown to pull."""
        return [one for one in self.resolutions if one.is_routed and one.verified is not Verified.TRUE]

    @property
    def proxied(self) -> int:
        return sum(one.route is Route.PROXY for one in self.resolutions)

    @property
    def pulls(self) -> dict[str, Pull]:
        """What rewriting needs, by the reference as written."""
        return {
            one.image: Pull(one.pull, one.route.needs_secret)
            for one in self.resolutions
            if one.route is not None and one.pull is not None
        }


async def resolve_all(
    prober: Prober,
    references: Sequence[Reference],
    policy: Policy,
    credential: Credential | None = None,
    evidence: Evidence | None = None,
    done: Callable[[], None] = lambda: None,
) -> Routing:
    """Resolve all images at once; ``done`` is called after each. Never raises for what a registry does."""

    async def one(reference: Reference) -> Resolution:
        resolved = await resolve(prober, reference, policy, credential, evidence)
        done()
        return resolved

    return Routing(policy.domains, tuple(await asyncio.gather(*map(one, references))))


async def resolve(
    prober: Prober,
    reference: Reference,
    policy: Policy,
    credential: Credential | None = None,
    evidence: Evidence | None = None,
) -> Resolution:
    """Resolve one image. Never raises for what a registry does; run many at once, the prober limits.

    Without a ``credential`` the proxy is not asked. The registry isn't either where the ``evidence`` is fresh.
    """
    evidence = evidence or Evidence()
    result = await _probed(prober, reference, policy, evidence)
    previous = evidence.previous.get(reference.written)
    verification = None
    if credential is not None:
        verification = await _verified(prober, reference, policy, credential, evidence, result.verdict)
    return resolution(
        reference,
        result,
        domains=policy.domains,
        app_slug=policy.app_slug,
        on_undecided=policy.on_undecided,
        previous=previous,
        verification=verification,
    )


async def _probed(prober: Prober, reference: Reference, policy: Policy, evidence: Evidence) -> ProbeResult:
    """What an anonymous pull comes to, without asking the registry where that is known."""
    verdict = classify(reference, policy.domains, policy.exclude, public_images=policy.public_images)
    if verdict is not None:
        return unprobed(reference, verdict)
    known = evidence.fresh.get(reference.written)
    if known is not None:
        return known
    return await prober.probe(
        reference, timeout=policy.timeout, max_age=policy.max_age, refresh=evidence.refresh, tenant=policy.tenant
    )


async def _verified(
    prober: Prober,
    reference: Reference,
    policy: Policy,
    credential: Credential,
    evidence: Evidence,
    verdict: Verdict,
) -> Verification | None:
    """What the proxy says of the image to the license; None for one that doesn't go there, or need not be asked for."""
    route, wanted = route_of(verdict), policy.verify
    previous = evidence.previous.get(reference.written)
    if route is None and previous is not None:
        route = route_of(previous.verdict)
    elif route is None:
        wanted = True  # the proxy is what is left to decide
    if not wanted or route is Route.DIRECT:
        return None
    pull = parse(pull_reference(reference, route or Route.PROXY, policy.domains, policy.app_slug))
    found = await prober.verify(
        pull,
        credential,
        timeout=policy.timeout,
        max_age=policy.max_age,
        refresh=evidence.refresh,
        tenant=policy.tenant,
    )
    is_proved = found.verified is Verified.UNKNOWN and pull.written in evidence.proved
    return shown_before(found) if is_proved else found
