"""Which images need no probe, and where each one is pulled from."""

import pytest

from kotsapp.images.reference import parse
from kotsapp.images.routing import Domains, Route
from kotsapp.verdicts.decision import Basis, OnUndecided, Previous, Resolution, resolution
from kotsapp.verdicts.exemptions import classify
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verification, Verified

IMAGE = "quay.io/my-org/api:v1"
PROXIED = "proxy.replicated.com/proxy/slug/quay.io/my-org/api:v1"
CUSTOM = Domains("images.vendor.example", "registry.vendor.example")
YES = Verification(Verified.TRUE, "the proxy serves it to the license", http_status=200)
NO = Verification(Verified.FALSE, "the proxy refused a pull with the license", http_status=401, retry_after=5.0)


def settled(
    verdict: Verdict,
    *,
    previous: Previous | None = None,
    verification: Verification | None = None,
    on_undecided: OnUndecided = OnUndecided.WAIT,
) -> Resolution:
    result = ProbeResult(IMAGE, verdict, "evidence", http_status=404, code="X", retry_after=None)
    return resolution(
        parse(IMAGE),
        result,
        domains=Domains(),
        app_slug="slug",
        previous=previous,
        verification=verification,
        on_undecided=on_undecided,
    )


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        ("busybox", None),
        (IMAGE, None),
        ("proxy.replicated.com/proxy/slug/busybox", Verdict.PROXIED),
        ("images.vendor.example/proxy/slug/busybox", Verdict.PROXIED),
        ("Images.Vendor.Example/proxy/slug/busybox", Verdict.PROXIED),
        ("registry.replicated.com/slug/app:1", Verdict.REPLICATED),
        ("registry.vendor.example/slug/app:1", Verdict.REPLICATED),
        ("registry.internal.example/team/app:1", Verdict.EXCLUDED),
        ("registry.internal.example.org/team/app:1", None),
        ("mirror/nginx:1", Verdict.EXCLUDED),
        ("mirror/nginx:1-alpine", None),
    ],
)
def test_what_needs_no_probe(image: str, verdict: Verdict | None) -> None:
    exclude = ["registry.internal.example/*", "mirror/*:[0-9]"]

    assert classify(parse(image), CUSTOM, exclude) is verdict


def test_everything_through_the_proxy() -> None:
    assert classify(parse("busybox"), CUSTOM, public_images=True) is Verdict.PRIVATE
    assert classify(parse("busybox"), CUSTOM, ["busybox"], public_images=True) is Verdict.EXCLUDED


@pytest.mark.parametrize(
    ("verdict", "route", "pull"),
    [
        (Verdict.PUBLIC, Route.DIRECT, IMAGE),
        (Verdict.PRIVATE, Route.PROXY, PROXIED),
        (Verdict.EXCLUDED, Route.DIRECT, IMAGE),
    ],
)
def test_a_decisive_verdict_decides_whatever_else_is_known(verdict: Verdict, route: Route, pull: str) -> None:
    for previous in (None, Previous(Verdict.PUBLIC), Previous(Verdict.PRIVATE), Previous(Verdict.ERROR)):
        for verification in (None, YES, NO):
            found = settled(verdict, previous=previous, verification=verification, on_undecided=OnUndecided.PROXY)

            assert (found.verdict, found.route, found.pull, found.basis) == (verdict, route, pull, Basis.VERDICT)


UNDECIDED = [verdict for verdict in Verdict if verdict.undecided]


@pytest.mark.parametrize("verdict", UNDECIDED)
def test_the_previous_verdict_comes_first(verdict: Verdict) -> None:
    found = settled(verdict, previous=Previous(Verdict.PUBLIC, 200), verification=YES, on_undecided=OnUndecided.PROXY)

    assert (found.verdict, found.route, found.basis) == (Verdict.PUBLIC, Route.DIRECT, Basis.PREVIOUS)
    assert (found.http_status, found.code) == (200, None)  # of the answer that decided, not of today's
    assert "evidence" in found.message


@pytest.mark.parametrize("verdict", UNDECIDED)
def test_then_the_proxy(verdict: Verdict) -> None:
    for previous in (None, Previous(Verdict.UNREACHABLE)):
        found = settled(verdict, previous=previous, verification=YES)

        assert (found.verdict, found.route, found.pull) == (verdict, Route.PROXY, PROXIED)
        assert (found.basis, found.verified) == (Basis.PROXY, Verified.TRUE)


@pytest.mark.parametrize("verification", [None, NO])
@pytest.mark.parametrize(
    ("policy", "route", "pull", "basis"),
    [
        (OnUndecided.WAIT, None, None, Basis.NOTHING),
        (OnUndecided.PROXY, Route.PROXY, PROXIED, Basis.POLICY),
        (OnUndecided.KEEP, Route.DIRECT, IMAGE, Basis.POLICY),
    ],
)
def test_then_the_policy(
    verification: Verification | None, policy: OnUndecided, route: Route | None, pull: str | None, basis: Basis
) -> None:
    for verdict in UNDECIDED:
        found = settled(verdict, verification=verification, on_undecided=policy)

        assert (found.verdict, found.route, found.pull, found.basis) == (verdict, route, pull, basis)
        assert found.undecided is (route is None)


def test_a_route_that_the_license_can_not_pull_is_reported_and_asked_again() -> None:
    found = settled(Verdict.PRIVATE, verification=NO)

    assert (found.route, found.verified, found.retry_after) == (Route.PROXY, Verified.FALSE, 5.0)


def test_a_proxied_reference_that_no_runtime_takes_is_said_to_be_one() -> None:
    reference = parse("registry.vendor.invalid:5000/team/api:1")
    result = ProbeResult(reference.written, Verdict.PRIVATE, "refused")

    found = resolution(reference, result, domains=Domains(), app_slug="shop")

    assert found.pull == "proxy.replicated.com/proxy/shop/registry.vendor.invalid:5000/team/api:1"
    assert "container runtimes refuse" in found.message


def test_a_proxied_reference_that_grows_too_long_is_said_to_be_one() -> None:
    reference = parse(f"quay.io/{'a' * 200}/{'b' * 50}:1")
    result = ProbeResult(reference.written, Verdict.PRIVATE, "refused")

    found = resolution(reference, result, domains=Domains(), app_slug="shop")

    assert found.pull == f"proxy.replicated.com/proxy/shop/{reference}"
    assert "container runtimes refuse" in found.message
    assert "the length of its path" in found.message
