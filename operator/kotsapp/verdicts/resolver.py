"""One image from reference to settled route: classify, probe, ask the proxy, settle."""

from dataclasses import dataclass

from kotsapp.images.reference import Reference, parse
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.registry.credential import Credential
from kotsapp.verdicts.decision import OnUndecided, Previous, Settled, route_of, settle, unprobed
from kotsapp.verdicts.exemptions import classify
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import ProbeResult


@dataclass(frozen=True, slots=True)
class Policy:
    """What a KotsApp says about its images. ``timeout`` and ``max_age`` are seconds.

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


async def resolve(
    prober: Prober,
    reference: Reference,
    policy: Policy,
    *,
    credential: Credential | None = None,
    previous: Previous | None = None,
    known: ProbeResult | None = None,
    refresh: bool = False,
) -> Settled:
    """Settle one image. Never raises for what a registry does; run many at once, the prober limits.

    ``known`` is a verdict that is still fresh from elsewhere, such as a status: the registry isn't asked.
    """
    verdict = classify(reference, policy.domains, policy.exclude, public_images=policy.public_images)
    if verdict is not None:
        result = unprobed(reference, verdict)
    elif known is not None:
        result = known
    else:
        result = await prober.probe(reference, timeout=policy.timeout, max_age=policy.max_age, refresh=refresh)
    route = route_of(result.verdict)
    if route is None and previous is not None:
        route = route_of(previous.verdict)
        wanted = policy.verify
    else:
        wanted = policy.verify or route is None
    verification = None
    if credential is not None and wanted and route is not Route.DIRECT:
        pull = parse(pull_reference(reference, route or Route.PROXY, policy.domains, policy.app_slug))
        verification = await prober.verify(
            pull, credential, timeout=policy.timeout, max_age=policy.max_age, refresh=refresh
        )
    return settle(
        reference,
        result,
        domains=policy.domains,
        app_slug=policy.app_slug,
        on_undecided=policy.on_undecided,
        previous=previous,
        verification=verification,
    )
