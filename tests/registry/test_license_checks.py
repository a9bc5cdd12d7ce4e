"""What is made of the proxy's answers to the license, and what of the license never comes back out."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from harness.hostile import MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk, says
from harness.hostile_answers import BEHAVIOURS, JSON
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, Login, Stage
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verification import Verification, Verified, judge

PROXY = "proxy.vendor.invalid"
LICENSE_ID = "2TnUkmYiUqCjXyzLicenseId"
CREDENTIAL = Credential("LICENSE_ID", LICENSE_ID, frozenset({PROXY}))
OK = {"Content-Type": MANIFEST_TYPE}


@contextlib.asynccontextmanager
async def serving(
    behaviour: Behaviour, metrics: Metrics | None = None
) -> AsyncIterator[tuple[HostileRegistry, Prober]]:
    async with HostileRegistry({**BEHAVIOURS, "x": behaviour}) as server:
        entries = [{"host": PROXY, "endpoint": server.endpoint}]
        async with Prober(Registries.read({"registries": entries}, "test"), metrics=metrics) as prober:
            yield server, prober


async def verify(prober: Prober, credential: Credential = CREDENTIAL, *, refresh: bool = True) -> Verification:
    return await prober.verify(parse(f"{PROXY}/x/y:1"), credential, timeout=5, max_age=60, refresh=refresh)


def wants_basic(then: Behaviour) -> Behaviour:
    async def behave(request: Request, talk: Talk) -> None:
        if request.authorization:
            await then(request, talk)
        else:
            await talk.answer(401, {"WWW-Authenticate": 'Basic realm="x"'})

    return behave


REFLECTED = [
    ("Location", "https://{id}.elsewhere.invalid/"),
    ("Location", "http://{id}.elsewhere.invalid/"),
    ("Location", "https://elsewhere.invalid/pull?as={id}"),
    ("Location", "https://{encoded}.elsewhere.invalid/"),
    ("WWW-Authenticate", 'Bearer realm="https://{id}.elsewhere.invalid/token"'),
    ("WWW-Authenticate", 'Bearer realm="http://{id}.elsewhere.invalid/token"'),
]


@pytest.mark.parametrize(("header", "value"), REFLECTED)
async def test_a_proxy_that_gives_the_license_id_back_is_not_repeated(header: str, value: str) -> None:
    reported = value.format(id=LICENSE_ID, encoded="%32" + LICENSE_ID[1:])
    registry = CollectorRegistry()
    reflect = says(307 if header == "Location" else 401, {header: reported})
    async with serving(wants_basic(reflect), Metrics(registry)) as (_, prober):
        result = await verify(prober)

    assert result.verified is Verified.UNKNOWN
    assert LICENSE_ID.lower() not in repr(result).lower()
    assert LICENSE_ID.lower() not in generate_latest(registry).decode().lower()


async def test_an_outage_takes_no_proof_back() -> None:
    async with serving(wants_basic(says(200, OK))) as (server, prober):
        shown = await verify(prober)
        server.behaviours["x"] = says(503)
        kept = await verify(prober)
        server.behaviours["x"] = wants_basic(says(200, OK))
        again = await verify(prober)

    assert [one.verified for one in (shown, kept, again)] == [Verified.TRUE] * 3
    assert kept.message == f"it was shown before; now {PROXY} answered 503 to the license"
    assert kept.retry_after
    assert again.retry_after is None


async def test_a_refusal_takes_the_proof_back() -> None:
    async with serving(wants_basic(says(200, OK))) as (server, prober):
        await verify(prober)
        server.behaviours["x"] = wants_basic(says(403, JSON, b'{"errors": [{"code": "DENIED"}]}'))
        refused = await verify(prober)
        server.behaviours["x"] = says(503)
        after = await verify(prober)

    assert (refused.verified, after.verified) == (Verified.FALSE, Verified.UNKNOWN)


async def test_one_licenses_proof_is_not_anothers() -> None:
    async with serving(wants_basic(says(200, OK))) as (server, prober):
        await verify(prober)
        server.behaviours["x"] = says(503)
        other = await verify(prober, Credential("LICENSE_ID", "another-license", frozenset({PROXY})))

    assert other.verified is Verified.UNKNOWN


async def test_a_proxy_that_changes_its_way_to_log_in_gets_the_license_still() -> None:
    async def token_then_basic(request: Request, talk: Talk) -> None:
        if request.authorization.startswith("Basic"):
            await talk.answer(200, OK)
        elif request.authorization:
            await talk.answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
        else:
            await talk.challenge(f"{talk.server.endpoint}/token/good/")

    async with serving(token_then_basic) as (_, prober):
        assert (await verify(prober)).verified is Verified.TRUE


@pytest.mark.parametrize(
    ("status", "code", "login", "verified"),
    [
        (401, "UNAUTHORIZED", Login.BASIC, Verified.FALSE),
        (401, None, Login.BEARER, Verified.FALSE),
        (401, None, Login.NONE, Verified.UNKNOWN),
        (401, None, Login.WITHHELD, Verified.UNKNOWN),
        (403, "DENIED", Login.NONE, Verified.FALSE),
        (403, None, Login.NONE, Verified.UNKNOWN),
        (404, None, Login.NONE, Verified.FALSE),
        (429, None, Login.NONE, Verified.UNKNOWN),
        (503, None, Login.NONE, Verified.UNKNOWN),
    ],
)
def test_only_a_refusal_of_the_license_is_one(status: int, code: str | None, login: Login, verified: Verified) -> None:
    assert judge(Evidence(Stage.MANIFEST, PROXY, status, code=code, login=login)).verified is verified
