"""The evidence ladder: from a verdict to where pods pull an image from. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from kotsapp.images.reference import Reference, parse
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.verdict import Verdict, route_of
from kotsapp.verdicts.verification import Verification, Verified


class OnUndecided(StrEnum):
    """What happens to an image that nothing could decide."""

    WAIT = "Wait"
    PROXY = "Proxy"
    KEEP = "Keep"


class Basis(StrEnum):
    """What an image's route rests on."""

    VERDICT = "verdict"
    PREVIOUS = "previous"
    PROXY = "proxy"
    POLICY = "policy"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Previous:
    """What status said about the same reference before."""

    verdict: Verdict
    http_status: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class _Decision:
    """A verdict and a route, and what both rest on; ``http_status`` and ``code`` are of the answer that decided."""

    verdict: Verdict
    route: Route | None
    basis: Basis
    message: str
    http_status: int | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Resolution:
    """One image with its route. ``route`` and ``pull`` are None when it is undecided: nothing new may roll out.

    ``http_status`` and ``code`` are of the answer that decided; ``retry_after`` is in seconds, None when nothing
    needs asking again before the verdict's age is up; ``probed`` says that the registry was asked just now.
    """

    image: str
    verdict: Verdict
    route: Route | None
    pull: str | None
    basis: Basis
    message: str
    http_status: int | None = None
    code: str | None = None
    verified: Verified = Verified.UNKNOWN
    verified_message: str = ""
    retry_after: float | None = None
    requests: int = 0
    elapsed: float = 0.0
    probed: bool = False

    @property
    def undecided(self) -> bool:
        return self.route is None

    @property
    def is_routed(self) -> bool:
        """Whether pods pull it with the license."""
        return self.route is not None and self.route.needs_secret


def unprobed(reference: Reference, verdict: Verdict) -> ProbeResult:
    """The result for an image that ``classify`` decided."""
    messages = {
        Verdict.PROXIED: "it is on the proxy already",
        Verdict.REPLICATED: "it is on the Replicated registry",
        Verdict.EXCLUDED: "it is excluded from probing",
        Verdict.PRIVATE: "every image goes through the proxy",
    }
    return ProbeResult(reference.written, verdict, messages[verdict], host=reference.host)


def resolution(
    reference: Reference,
    result: ProbeResult,
    *,
    domains: Domains,
    app_slug: str,
    on_undecided: OnUndecided = OnUndecided.WAIT,
    previous: Previous | None = None,
    verification: Verification | None = None,
) -> Resolution:
    """Where an image is pulled from, and why; ``verification`` is what the proxy says of it, None where it wasn't
    asked."""
    decision = _decide(result, on_undecided, previous, verification)
    route, message = decision.route, decision.message
    pull = None if route is None else pull_reference(reference, route, domains, app_slug)
    # Without a license nobody knows the app slug, and the reference is none yet.
    refused_for = parse(pull).refused_for if pull is not None and pull != reference.written and app_slug else None
    if refused_for is not None:
        message = f"{message}; container runtimes refuse {pull}, for {refused_for}: mirror or exclude it"
    checked = verification if route is not None and route.needs_secret else None
    waits = [wait for wait in (result.retry_after, checked.retry_after if checked else None) if wait is not None]
    return Resolution(
        image=reference.written,
        verdict=decision.verdict,
        route=route,
        pull=pull,
        basis=decision.basis,
        message=message,
        http_status=decision.http_status,
        code=decision.code,
        verified=checked.verified if checked else Verified.UNKNOWN,
        verified_message=checked.message if checked else "",
        retry_after=min(waits) if waits else None,
        requests=result.requests + (verification.requests if verification else 0),
        elapsed=result.elapsed + (verification.elapsed if verification else 0.0),
        probed=result.requests > 0,
    )


def _decide(
    result: ProbeResult, on_undecided: OnUndecided, previous: Previous | None, verification: Verification | None
) -> _Decision:
    """A decisive verdict decides. Otherwise, in this order: the previous decisive verdict; the proxy, when
    ``verification`` says that it serves the image to the license; ``on_undecided``."""

    def by(basis: Basis, route: Route | None, message: str) -> _Decision:
        return _Decision(result.verdict, route, basis, message, result.http_status, result.code)

    if (route := route_of(result.verdict)) is not None:
        return by(Basis.VERDICT, route, result.message)
    if previous is not None and previous.verdict.decisive:
        message = f"kept as {previous.verdict} before: {result.message}"
        route = route_of(previous.verdict)
        return _Decision(previous.verdict, route, Basis.PREVIOUS, message, previous.http_status, previous.code)
    if verification is not None and verification.verified is Verified.TRUE:
        return by(Basis.PROXY, Route.PROXY, f"{result.message}; {verification.message}")
    if on_undecided is OnUndecided.PROXY:
        return by(Basis.POLICY, Route.PROXY, f"{result.message}; routed through the proxy, as onUndecided says")
    if on_undecided is OnUndecided.KEEP:
        return by(Basis.POLICY, Route.DIRECT, f"{result.message}; kept as written, as onUndecided says")
    refused = f"; {verification.message}" if verification is not None else ""
    return by(Basis.NOTHING, None, f"{result.message}{refused}")
