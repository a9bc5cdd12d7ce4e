"""Which images of pods are looked at, and where pods may be led."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.licenses import Signer
from kotsapp.images.routing import Route
from kotsapp.license import Policy, TrustedKeys, load
from kotsapp.pods.routing import MAX_POD_IMAGES, Target, cut_in, for_pods, images_in
from kotsapp.pods.seen import SeenPod
from kotsapp.verdicts.decision import Basis, Resolution
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

PROXY, CUSTOM, SLUG = "proxy.replicated.com", "images.vendor.example", "my-kots-app"
TARGET = Target("registry", (PROXY, CUSTOM), SLUG)
A, B, C = "quay.io/a/a:1", "quay.io/b/b:1", "quay.io/c/c:1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def pod(name: str, *images: str, minute: int = 0, over: bool = False) -> SeenPod:
    return SeenPod(name, name, "1", NOON + timedelta(minutes=minute), None, images, over=over)


def row(image: str, *users: str, route: str = "Proxy", **changes: Any) -> dict[str, Any]:
    return {"image": image, "route": route, "usedBy": list(users), "origin": "Pods", **changes}


def found(
    pods: list[SeenPod], before: Any = (), own: Any = (), *, room: int = 500, keep: bool = True
) -> dict[str, Any]:
    return images_in(pods, before, own, TARGET, room=room, keep=keep)


# -- which images


def test_images_of_pods_by_age_of_the_pod_and_none_of_those_that_are_over() -> None:
    pods = [pod("new", A, minute=2), pod("old", B, A), pod("done", C, over=True)]
    assert found(pods) == {B: ("Pod/old",), A: ("Pod/old", "Pod/new")}


def test_what_the_manifests_name_is_theirs_also_where_the_policy_has_routed_it() -> None:
    pods = [pod("one", A), pod("two", f"{PROXY}/proxy/{SLUG}/{A}"), pod("three", f"{CUSTOM}/proxy/{SLUG}/{A}")]
    assert found(pods, own=[A]) == {}


def test_a_routed_image_is_told_as_it_was_written() -> None:
    assert found([pod("one", f"{PROXY}/proxy/{SLUG}/{A}")]) == {A: ("Pod/one",)}


def test_another_apps_image_of_the_proxy_is_an_image_of_its_own() -> None:
    other = f"{PROXY}/proxy/other/{A}"
    assert found([pod("one", other)]) == {other: ("Pod/one",)}


def test_what_is_routed_stays_without_pods_as_long_as_it_is_kept() -> None:
    before = [row(A, "Pod/gone"), row(B, "Pod/gone", route="Direct"), row(C, "Deployment/x", origin=None)]
    assert found([], before) == {A: ("Pod/gone",)}
    assert found([], before, keep=False) == {}
    assert found([pod("one", A)], before, keep=False) == {A: ("Pod/one",)}


def test_users_that_were_named_stay_named_while_they_are_there() -> None:
    pods = [pod(f"p{number}", A, minute=number) for number in range(5)]
    assert found(pods)[A] == ("Pod/p0", "Pod/p1", "Pod/p2")
    assert found(pods, [row(A, "Pod/p4", "Pod/gone")])[A] == ("Pod/p4", "Pod/p0", "Pod/p1")


def test_there_is_a_bound_within_which_what_is_routed_comes_first() -> None:
    flood = [pod("flood", *(f"quay.io/flood/x{number}:1" for number in range(1_000)))]
    before = [row(A, "Pod/gone")]
    assert len(found(flood, before)) == MAX_POD_IMAGES
    assert A in found(flood, before)
    assert list(found(flood, before, room=1)) == [A]
    assert found(flood, before, room=-3) == {}


@pytest.mark.parametrize("image", ["", "Upper/Case", "a b", "http://quay.io/a", "x" * 3000, "0" * 64])
def test_what_is_no_reference_is_none(image: str) -> None:
    assert found([pod("odd", image, A)]) == {A: ("Pod/odd",)}


# -- which routes

PROVED = Resolution(
    image=A,
    verdict=Verdict.PRIVATE,
    route=Route.PROXY,
    pull=f"{PROXY}/proxy/{SLUG}/{A}",
    basis=Basis.VERDICT,
    message="refused",
    verified=Verified.TRUE,
    verified_message="served",
)


@pytest.mark.parametrize(
    "resolution",
    [
        PROVED,
        replace(PROVED, pull=f"{CUSTOM}/proxy/{SLUG}/{A}"),
        replace(PROVED, route=Route.REGISTRY, pull=A, verdict=Verdict.REPLICATED),
        replace(PROVED, route=Route.DIRECT, pull=A, verdict=Verdict.PUBLIC, verified=Verified.UNKNOWN),
        replace(PROVED, basis=Basis.PROXY, verdict=Verdict.UNREACHABLE),
    ],
)
def test_a_proved_route_of_a_host_that_is_vouched_for_is_taken(resolution: Resolution) -> None:
    assert for_pods(resolution, TARGET) == resolution


@pytest.mark.parametrize(
    ("resolution", "why"),
    [
        (replace(PROVED, verified=Verified.FALSE, verified_message="not there"), "not there"),
        (replace(PROVED, verified=Verified.UNKNOWN, verified_message="no answer"), "no answer"),
        (replace(PROVED, route=None, pull=None, verdict=Verdict.NOT_FOUND), "refused"),
        (replace(PROVED, pull=f"evil.example/proxy/{SLUG}/{A}"), "evil.example"),
        (replace(PROVED, pull=f"{PROXY}/proxy/{SLUG}/{B}"), "does not name"),
        (replace(PROVED, pull=f"{PROXY}/proxy/other/{A}"), "does not name"),
        (
            replace(PROVED, image="r.example:5000/a:1", pull=f"{PROXY}/proxy/{SLUG}/r.example:5000/a:1"),
            "container runtimes refuse",
        ),
    ],
)
def test_any_other_image_stays_as_pods_write_it_and_says_why(resolution: Resolution, why: str) -> None:
    kept = for_pods(resolution, TARGET)
    assert (kept.route, kept.pull) == (Route.DIRECT, resolution.image)
    assert not kept.is_routed
    assert "pods keep it as written" in kept.message
    assert why in kept.message
    again = replace(resolution, message=kept.message)
    assert for_pods(again, TARGET).message == kept.message, "told again it is no longer"


def test_what_is_refused_is_not_asked_for_all_the_time() -> None:
    refused = replace(PROVED, verified=Verified.FALSE, retry_after=5.0)
    assert for_pods(refused, TARGET).retry_after is None
    assert for_pods(replace(PROVED, verified=Verified.UNKNOWN, retry_after=5.0), TARGET).retry_after == 5.0


# -- a status that is too small


@pytest.mark.parametrize(
    ("total", "listed", "cut"),
    [(2, [A, B], ()), (2, [B], (A,)), (2, [A], ()), (3, [B], ()), (0, [], ())],
)
def test_which_routed_images_a_status_has_no_place_for(total: int, listed: list[str], cut: tuple[str, ...]) -> None:
    status = {"imageSummary": {"total": total}, "images": [row(image) for image in listed]}
    direct = replace(PROVED, image=B, route=Route.DIRECT, pull=B)
    assert cut_in(status, [PROVED, direct]) == cut


# -- what the license vouches for


@pytest.mark.parametrize(("signed", "hosts"), [({}, (PROXY,)), ({"replicatedProxyDomain": CUSTOM}, (PROXY, CUSTOM))])
def test_the_hosts_are_the_default_one_and_the_signed_one(
    signer: Signer, signed: dict[str, str], hosts: tuple[str, ...]
) -> None:
    license = load(signer.sign(**signed), TrustedKeys.load(signer.folder), Policy.ENFORCE)
    target = Target.of(license, "registry")
    assert target == Target("registry", hosts, SLUG)


def test_a_license_whose_signature_was_not_verified_vouches_for_nothing(signer: Signer) -> None:
    """--license-verification=Warn: whoever writes the document says what it says."""
    license = load(signer.sign(replicatedProxyDomain="evil.example"), TrustedKeys.load(None), Policy.WARN)
    assert not license.verified
    assert Target.of(license, "registry") is None
