"""A token asked for ahead, of another repository's realm, decides nothing: the order of asking is no evidence."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from harness.hostile import MANIFEST_TYPE, Behaviour, HostileRegistry, Request, Talk, says
from harness.hostile_answers import BEHAVIOURS, JSON
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.limits import STRIKES
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

OK = {"Content-Type": MANIFEST_TYPE}
HOST = "artifactory.example.invalid"
Refusal = Literal["own challenge", "401", "basic", "403", "denied", "404", "400", "ignored"]
REFUSALS: tuple[Refusal, ...] = ("own challenge", "401", "basic", "403", "denied", "404", "400", "ignored")


@dataclass(frozen=True)
class Repository:
    """A repository key as Artifactory has them: with a token service of its own.

    ``open`` needs no token at all; ``foreign`` is what becomes of another realm's token, ``own`` of its own.
    """

    realm: str
    open: bool = False
    foreign: Refusal = "403"
    own: Literal["200", "own challenge", "denied", "404"] = "200"

    async def __call__(self, request: Request, talk: Talk) -> None:
        token = request.authorization
        scope = f"repository:{request.behaviour}/x:pull"
        if token == f"Bearer {self.realm}":
            await self._answer("200" if self.open else self.own, scope, talk)
        elif token and self.foreign != "ignored":
            await self._answer(self.foreign, scope, talk)
        else:
            await self._answer("200" if self.open else "own challenge", scope, talk)

    async def _answer(self, what: str, scope: str, talk: Talk) -> None:
        match what:
            case "200":
                await talk.answer(200, OK)
            case "own challenge":
                await talk.challenge(f"{talk.server.endpoint}/token/{self.realm}/", f',service="s",scope="{scope}"')
            case "basic":
                await talk.answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
            case "denied":
                await talk.answer(403)
            case _:
                await talk.answer(int(what))


def gives(token: str) -> Behaviour:
    return says(200, JSON, b'{"token": "%s"}' % token.encode())


SERVICES: dict[str, Behaviour] = {
    "a": gives("a"),
    "b": gives("b"),
    "refuses": says(403),
    "gone": says(404),
    "odd": says(200, JSON, b"[]"),
}


async def ask(repositories: Sequence[Repository], order: Sequence[int]) -> dict[int, ProbeResult]:
    behaviours: dict[str, Behaviour] = {f"r{number}": one for number, one in enumerate(repositories)}
    behaviours |= {f"token:{name}": service for name, service in SERVICES.items()}
    async with HostileRegistry({**BEHAVIOURS, **behaviours}) as server:
        entries = [{"host": HOST, "endpoint": server.endpoint}]
        async with Prober(Registries.read({"registries": entries}, "test")) as prober:
            return {
                number: await prober.probe(parse(f"{HOST}/r{number}/x:1"), timeout=20, max_age=60) for number in order
            }


repositories = st.builds(
    Repository,
    realm=st.sampled_from(sorted(SERVICES)),
    open=st.booleans(),
    foreign=st.sampled_from(REFUSALS),
    own=st.sampled_from(["200", "own challenge", "denied", "404"]),
)


@settings(max_examples=examples(60), deadline=None)
# With more, a host that failed STRIKES times in a row is left alone for a while, whoever asks next.
@given(st.data(), st.lists(repositories, min_size=2, max_size=STRIKES))
def test_a_verdict_does_not_depend_on_the_order_of_asking(data: st.DataObject, asked: list[Repository]) -> None:
    order = data.draw(st.permutations(range(len(asked))))

    async def both() -> tuple[dict[int, ProbeResult], dict[int, ProbeResult]]:
        together = await ask(asked, order)
        alone = {number: (await ask(asked, [number]))[number] for number in order}
        return together, alone

    together, alone = asyncio.run(both())

    assert {n: (r.verdict, r.http_status) for n, r in together.items()} == {
        n: (r.verdict, r.http_status) for n, r in alone.items()
    }


@pytest.mark.parametrize("foreign", REFUSALS)
@pytest.mark.parametrize("is_open", [True, False])
async def test_a_public_image_stays_public_whatever_its_repository_says_to_the_others_token(
    foreign: Refusal, is_open: bool
) -> None:
    first, second = Repository("a"), Repository("b", open=is_open, foreign=foreign)

    results = await ask([first, second], [0, 1])

    assert [results[0].verdict, results[1].verdict] == [Verdict.PUBLIC, Verdict.PUBLIC]


@pytest.mark.parametrize("service", ["refuses", "gone", "odd"])
async def test_anothers_broken_token_service_decides_nothing(service: str) -> None:
    results = await ask([Repository(service), Repository("b"), Repository("b", open=True)], [0, 1, 2])

    assert [results[1].verdict, results[2].verdict] == [Verdict.PUBLIC, Verdict.PUBLIC]


async def test_nor_does_one_that_fails_meanwhile() -> None:
    """The first image's token came before the trouble began; the second needs another service's."""
    behaviours: dict[str, Behaviour] = {"r0": Repository("a"), "r1": Repository("b"), "token:b": SERVICES["b"]}
    async with HostileRegistry({**BEHAVIOURS, **behaviours, "token:a": SERVICES["a"]}) as server:
        entries = [{"host": HOST, "endpoint": server.endpoint}]
        async with Prober(Registries.read({"registries": entries}, "test")) as prober:
            first = await prober.probe(parse(f"{HOST}/r0/x:1"), timeout=20, max_age=60)
            server.behaviours["token:a"] = says(500)
            second = await prober.probe(parse(f"{HOST}/r1/x:1"), timeout=20, max_age=60)

    assert (first.verdict, second.verdict) == (Verdict.PUBLIC, Verdict.PUBLIC)


@pytest.mark.parametrize(
    ("own", "verdict", "requests"),
    # A challenge for the very token that was asked for ahead says that it is the repository's own: a refusal at once.
    [("200", Verdict.PUBLIC, 2), ("own challenge", Verdict.PRIVATE, 2), ("404", Verdict.NOT_FOUND, 3)],
)
async def test_a_refusal_costs_one_question_more_at_most_and_no_token(
    own: Literal["200", "own challenge", "404"], verdict: Verdict, requests: int
) -> None:
    """What the repository itself would have sent for is not fetched twice: as many as without any foresight."""
    results = await ask([Repository("a"), Repository("a", own=own)], [0, 1])
    alone = await ask([Repository("a"), Repository("a", own=own)], [1])

    assert (results[1].verdict, results[1].requests) == (verdict, requests)
    assert requests <= alone[1].requests


async def test_a_token_service_that_failed_is_not_foreseen_again_until_it_works() -> None:
    behaviours: dict[str, Behaviour] = {f"r{number}": Repository("a") for number in range(6)}
    async with HostileRegistry({**BEHAVIOURS, **behaviours, "token:a": says(404)}) as server:
        entries = [{"host": HOST, "endpoint": server.endpoint}]
        async with Prober(Registries.read({"registries": entries}, "test")) as prober:

            async def probe(number: int) -> ProbeResult:
                return await prober.probe(parse(f"{HOST}/r{number}/x:1"), timeout=20, max_age=60)

            failed = [await probe(number) for number in range(3)]
            server.behaviours["token:a"] = SERVICES["a"]
            mended = [await probe(number) for number in range(3, 6)]

    assert {result.verdict for result in failed} == {Verdict.ERROR}
    # One 401 and one refused token each; the second had asked for one more.
    assert [result.requests for result in failed] == [2, 3, 2]
    assert {result.verdict for result in mended} == {Verdict.PUBLIC}
    assert mended[-1].requests == 2


async def test_the_license_is_checked_against_a_repositorys_own_token_service() -> None:
    credential = Credential("LICENSE_ID", "the-license-id", frozenset({HOST}))
    behaviours: dict[str, Behaviour] = {"r0": Repository("a"), "r1": Repository("b", foreign="404")}
    behaviours |= {"token:a": SERVICES["a"], "token:b": SERVICES["b"]}
    async with HostileRegistry({**BEHAVIOURS, **behaviours}) as server:
        entries = [{"host": HOST, "endpoint": server.endpoint}]
        async with Prober(Registries.read({"registries": entries}, "test")) as prober:
            checked = [
                await prober.verify(parse(f"{HOST}/r{number}/x:1"), credential, timeout=20, max_age=60)
                for number in range(2)
            ]

    assert [one.verified for one in checked] == [Verified.TRUE, Verified.TRUE]
