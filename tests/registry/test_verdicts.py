"""The verdict table against real registries: open, Basic auth, token auth."""

from collections.abc import AsyncIterator

import pytest

from harness.loopback import LICENSE_ID, OTHER_LICENSE_ID, SLUG
from kotsapp.images.reference import parse
from kotsapp.images.routing import Domains
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.verdicts.decision import Basis
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.resolver import Policy, resolve
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified
from localworld.registries.registries import Registries as LocalRegistries

DOMAINS = Domains()
HOSTS = frozenset({DOMAINS.proxy, DOMAINS.registry})


def license_of(license_id: str) -> Credential:
    return Credential("LICENSE_ID", license_id, HOSTS)


@pytest.fixture
async def prober(local: LocalRegistries) -> AsyncIterator[Prober]:
    async with Prober(Registries.load(local.file)) as prober:
        yield prober


async def probe(prober: Prober, image: str) -> ProbeResult:
    return await prober.probe(parse(image), timeout=10, max_age=3600)


@pytest.mark.parametrize(
    ("image", "verdict", "status"),
    [
        ("busybox:1.36", Verdict.PUBLIC, 200),
        ("docker.io/library/busybox:1.36", Verdict.PUBLIC, 200),
        ("quay.io/public/tool:v1", Verdict.PUBLIC, 200),
        ("ghcr.io/public/tool:v1", Verdict.PUBLIC, 200),
        ("registry.k8s.io/pause:3.10", Verdict.PUBLIC, 200),
        ("quay.io/my-org/api:v1.0.1", Verdict.PRIVATE, 401),
        ("registry.example.invalid/team/app:v1", Verdict.PRIVATE, 401),
        ("registry.k8s.io/pause:no-such-tag", Verdict.NOT_FOUND, 404),
        ("registry.k8s.io/no-such-repository:1", Verdict.NOT_FOUND, 404),
        ("quay.io/public/tool:no-such-tag", Verdict.NOT_FOUND, 404),
    ],
)
async def test_verdict(prober: Prober, image: str, verdict: Verdict, status: int) -> None:
    result = await probe(prober, image)

    assert (result.verdict, result.http_status) == (verdict, status), result.message
    assert result.image == image
    assert result.host == parse(image).host


async def test_a_token_service_that_refuses_makes_an_image_private(prober: Prober) -> None:
    await probe(prober, "ghcr.io/public/tool:v1")  # from here on the host's challenge is known

    result = await probe(prober, "ghcr.io/my-org/web:v1.0.1")

    assert result.verdict is Verdict.PRIVATE
    assert result.http_status in {401, 403}
    assert result.code == "DENIED"
    assert result.requests == 2


async def test_digests(prober: Prober, local: LocalRegistries) -> None:
    digest = local.push("quay.io/public/by-digest:v1")
    other = "sha256:" + "0" * 64

    by_digest = await probe(prober, f"quay.io/public/by-digest@{digest}")
    by_both = await probe(prober, f"quay.io/public/by-digest:gone@{digest}")
    missing = await probe(prober, f"quay.io/public/by-digest@{other}")

    assert [by_digest.verdict, by_both.verdict, missing.verdict] == [
        Verdict.PUBLIC,
        Verdict.PUBLIC,
        Verdict.NOT_FOUND,
    ]


async def test_an_index_is_public_too(prober: Prober, local: LocalRegistries) -> None:
    local.push("registry.k8s.io/many-platforms:1", multi_arch=True)

    assert (await probe(prober, "registry.k8s.io/many-platforms:1")).verdict is Verdict.PUBLIC


async def test_no_manifest_is_fetched_and_the_second_image_of_a_host_costs_two_requests(
    prober: Prober, local: LocalRegistries
) -> None:
    for name in ("one", "two"):
        local.push(f"quay.io/public/cost-{name}:v1")
    before = len(local["quay.io"].requests())

    first = await probe(prober, "quay.io/public/cost-one:v1")
    second = await probe(prober, "quay.io/public/cost-two:v1")
    same_repository = await probe(prober, "quay.io/public/cost-two:v2")
    again = await probe(prober, "quay.io/public/cost-two:v1")

    assert [first.requests, second.requests, same_repository.requests, again.requests] == [3, 2, 1, 0]
    assert again.cached
    asked = local["quay.io"].requests()[before:]
    assert {request.method for request in asked} == {"HEAD"}
    assert len(asked) == 4


async def test_the_license_opens_the_proxy_and_the_registry(prober: Prober) -> None:
    for pull in (
        f"proxy.replicated.com/proxy/{SLUG}/quay.io/my-org/api:v1.0.1",
        f"registry.replicated.com/{SLUG}/worker:v1",
    ):
        mine = await prober.verify(parse(pull), license_of(LICENSE_ID), timeout=10, max_age=60)
        other = await prober.verify(parse(pull), license_of(OTHER_LICENSE_ID), timeout=10, max_age=60)

        assert (mine.verified, mine.http_status) == (Verified.TRUE, 200), mine.message
        assert other.verified is Verified.FALSE, other.message
        assert LICENSE_ID not in repr(mine)
        assert OTHER_LICENSE_ID not in repr(other)


async def test_the_proxy_settles_an_image_that_its_source_hides(prober: Prober, local: LocalRegistries) -> None:
    image = "registry.k8s.io/hidden/app:v1"
    local.push(f"proxy.replicated.com/proxy/{SLUG}/{image}")
    policy = Policy(DOMAINS, SLUG, verify=False)

    resolution = await resolve(prober, parse(image), policy, credential=license_of(LICENSE_ID))

    assert resolution.verdict is Verdict.NOT_FOUND
    assert resolution.basis is Basis.PROXY
    assert resolution.pull == f"proxy.replicated.com/proxy/{SLUG}/{image}"
