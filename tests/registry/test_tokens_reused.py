"""Anonymous tokens: asked for once, used for all images of a host, and never carried to another one."""

import asyncio

from harness.hostile import HostileRegistry, Request, Talk, says
from harness.hostile_answers import GOOD_TOKEN, JSON
from harness.polite_registries import OK, ok, probe, serving
from kotsapp.registry.config import Registries
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict


class TokenRegistry:
    """A registry with token auth whose tokens can be taken back."""

    def __init__(self) -> None:
        self.tokens_given = 0
        self.revoked: set[str] = set()

    async def __call__(self, request: Request, talk: Talk) -> None:
        token = request.authorization.removeprefix("Bearer ")
        if token and token not in self.revoked:
            await talk.answer(200, OK)
        else:
            extra = ',service="quay.io",scope="repository:x/y:pull"' + (',error="invalid_token"' if token else "")
            await talk.challenge(f"{talk.server.endpoint}/token/mine/", extra)

    async def token(self, _: Request, talk: Talk) -> None:
        self.tokens_given += 1
        await talk.answer(200, JSON, GOOD_TOKEN.replace(b"good-token", b"token-%d" % self.tokens_given))


async def test_a_token_that_went_stale_is_not_taken_for_a_refusal() -> None:
    registry = TokenRegistry()
    async with serving(registry) as (server, prober):
        server.behaviours["token:mine"] = registry.token
        first = await probe(prober, "1")
        registry.revoked.add("token-1")
        second = await probe(prober, "2")

    assert (first.verdict, second.verdict) == (Verdict.PUBLIC, Verdict.PUBLIC)
    assert (first.requests, second.requests) == (3, 3)  # HEAD, token, HEAD; the stale token, a new one, HEAD


async def test_many_images_of_a_new_host_make_one_401() -> None:
    registry = TokenRegistry()
    async with serving(registry) as (server, prober):
        server.behaviours["token:mine"] = registry.token
        await asyncio.gather(*(probe(prober, f"t{number}") for number in range(40)))

    anonymous = [request for request in server.requests if not request.authorization and request.path.startswith("/v2")]
    assert len(anonymous) == 1
    assert registry.tokens_given == 1
    assert len(server.requests) == 42


async def test_a_token_is_not_carried_to_another_host() -> None:
    async with HostileRegistry({"x": ok}) as other:
        registry = TokenRegistry()

        async def redirecting(request: Request, talk: Talk) -> None:
            if request.authorization:
                await talk.answer(307, {"Location": other.endpoint + request.path})
            else:
                await registry(request, talk)

        async with HostileRegistry({"x": redirecting, "token:mine": registry.token}) as server:
            entries = [
                {"host": "quay.io", "endpoint": server.endpoint},
                {"host": "cdn.quay.io", "endpoint": other.endpoint},
            ]
            async with Prober(Registries.read({"registries": entries}, "test")) as prober:
                result = await probe(prober)

    assert (result.verdict, result.host) == (Verdict.PUBLIC, "cdn.quay.io")
    assert [request.authorization for request in other.requests] == [""]


async def test_a_realm_that_moved_is_found_again() -> None:
    registry = TokenRegistry()
    realm = "gone"

    async def moving(request: Request, talk: Talk) -> None:
        if request.authorization:
            await talk.answer(200, OK)
        else:
            await talk.challenge(f"{talk.server.endpoint}/token/{realm}/")

    async with serving(moving) as (server, prober):
        server.behaviours |= {"token:mine": registry.token, "token:gone": says(404, {}, b"")}
        before = await probe(prober, "1")
        realm = "mine"
        after = [await probe(prober, str(number)) for number in range(2, 5)]

    assert before.verdict is Verdict.ERROR
    assert {result.verdict for result in after} == {Verdict.PUBLIC}


async def test_of_two_ways_to_log_in_the_token_is_foreseen() -> None:
    async def both(request: Request, talk: Talk) -> None:
        if request.authorization:
            await talk.answer(200, OK)
        else:
            realm = f"{talk.server.endpoint}/token/mine/"
            await talk.answer(401, {"WWW-Authenticate": f'Basic realm="x", Bearer realm="{realm}",service="quay.io"'})

    registry = TokenRegistry()
    async with serving(both) as (server, prober):
        server.behaviours["token:mine"] = registry.token
        for number in range(10):
            await probe(prober, str(number))

    assert len(server.requests) == 12  # one 401, one token, a HEAD for each image
