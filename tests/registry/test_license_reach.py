"""To whom the license is shown: the hosts that it is for, and nobody else."""

from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.hostile import HostileRegistry, Request, Talk
from harness.hostile_answers import BEHAVIOURS
from harness.outside import HOST, OUTSIDE
from harness.outside_registries import bearer, outside, probe
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

PASSWORD = "the-license-id"


def credential(*hosts: str) -> Credential:
    return Credential("LICENSE_ID", PASSWORD, frozenset(hosts))


def seen(*servers: HostileRegistry) -> set[str]:
    return {request.authorization for server in servers for request in server.requests} - {""}


@pytest.mark.usefixtures("trusted_ca")
async def test_the_license_goes_to_no_realm_of_another_host(authority: Authority) -> None:
    async with HostileRegistry(BEHAVIOURS, tls=authority.server("thief.example.invalid"), address=OUTSIDE) as thief:
        realm = f"https://thief.example.invalid:{thief.port}/token/good/"
        names = {"thief.example.invalid": [OUTSIDE]}
        async with outside({"x": bearer(realm)}, authority.server(HOST), names) as (server, prober):
            host = f"{HOST}:{server.port}"
            result = await prober.verify(parse(f"{host}/x/y:1"), credential(host), timeout=2, max_age=60)

        assert result.verified is Verified.UNKNOWN
        assert thief.connections == 0
        assert seen(server) == set()
        assert PASSWORD not in repr(result)


@pytest.mark.usefixtures("trusted_ca")
async def test_the_license_does_not_follow_a_redirect(authority: Authority) -> None:
    async def wants_basic(request: Request, talk: Talk) -> None:
        await talk.answer(401, {"WWW-Authenticate": 'Basic realm="give it to me"'})

    async with HostileRegistry(
        {"x": wants_basic}, tls=authority.server("thief.example.invalid"), address=OUTSIDE
    ) as thief:

        async def first_basic_then_redirect(request: Request, talk: Talk) -> None:
            if request.authorization:
                await talk.answer(307, {"Location": f"https://thief.example.invalid:{thief.port}/v2/x/"})
            else:
                await talk.answer(401, {"WWW-Authenticate": 'Basic realm="proxy"'})

        names = {"thief.example.invalid": [OUTSIDE]}
        async with outside({"x": first_basic_then_redirect}, authority.server(HOST), names) as (server, prober):
            host = f"{HOST}:{server.port}"
            result = await prober.verify(parse(f"{host}/x/y:1"), credential(host), timeout=2, max_age=60)

    assert result.verified is Verified.UNKNOWN
    assert [request.authorization for request in thief.requests] == [""]
    assert seen(server) == {credential().basic}


@pytest.mark.usefixtures("trusted_ca")
async def test_the_license_goes_to_the_hosts_own_realm(authority: Authority) -> None:
    behaviours = dict(BEHAVIOURS)

    async def proxy(request: Request, talk: Talk) -> None:
        if request.authorization == "Bearer good-token":
            await BEHAVIOURS["ok"](request, talk)
        else:
            await talk.challenge(f"https://{HOST}:{talk.server.port}/token/good/")

    behaviours["proxy"] = proxy
    async with outside(behaviours, authority.server(HOST)) as (server, prober):
        host = f"{HOST}:{server.port}"
        mine = await prober.verify(parse(f"{host}/proxy/y:1"), credential(host), timeout=2, max_age=60)
        anonymous = await prober.probe(parse(f"{host}/proxy/y:1"), timeout=2, max_age=60)

    assert mine.verified is Verified.TRUE
    assert anonymous.verdict is Verdict.PUBLIC
    tokens = [request.authorization for request in server.requests if "/token/" in request.path]
    assert tokens == [credential().basic, ""]  # one token each: an anonymous probe never uses the license's


async def test_the_license_is_not_sent_to_a_host_it_is_not_for(tmp_path: Path) -> None:
    async with HostileRegistry(BEHAVIOURS) as server:
        entries = Registries.read({"registries": [{"host": HOST, "endpoint": server.endpoint}]}, "test")
        async with Prober(entries) as prober:
            result = await prober.verify(
                parse(f"{HOST}/basic/x:1"), credential("proxy.replicated.com"), timeout=2, max_age=60
            )

    assert result.verified is Verified.UNKNOWN
    assert server.connections == 0


async def test_the_license_is_never_sent_in_the_clear_to_a_host_that_is_asked_by_https(authority: Authority) -> None:
    async with HostileRegistry(BEHAVIOURS) as plain:
        realm = f"http://127.0.0.1:{plain.port}/token/good/"
        async with HostileRegistry({"x": bearer(realm)}, tls=authority.server("127.0.0.1")) as server:
            entry = {"host": HOST, "endpoint": server.endpoint, "insecureSkipVerify": True}
            async with Prober(Registries.read({"registries": [entry]}, "test")) as prober:
                result = await prober.verify(parse(f"{HOST}/x/y:1"), credential(HOST), timeout=2, max_age=60)

    assert result.verified is Verified.UNKNOWN
    assert plain.connections == 0


@pytest.mark.usefixtures("trusted_ca")
async def test_a_realm_inside_is_no_different_for_the_second_image(
    authority: Authority, inside: HostileRegistry
) -> None:
    realm = f"https://inside.example.invalid:{inside.port}/token"
    names = {"inside.example.invalid": ["127.0.0.1"]}
    async with outside({"x": bearer(realm), "y": bearer(realm)}, authority.server(HOST), names) as (server, prober):
        results = [await probe(prober, server, name) for name in ("x", "y")]

    assert {result.verdict for result in results} == {Verdict.UNREACHABLE}
    assert inside.connections == 0


async def test_two_apps_with_one_license_and_different_domains_have_answers_of_their_own(tmp_path: Path) -> None:
    async with HostileRegistry(BEHAVIOURS) as server:
        entries = Registries.read({"registries": [{"host": HOST, "endpoint": server.endpoint}]}, "test")
        async with Prober(entries) as prober:
            image = parse(f"{HOST}/ok/x:1")
            elsewhere = await prober.verify(image, credential("proxy.replicated.com"), timeout=2, max_age=60)
            here = await prober.verify(image, credential(HOST), timeout=2, max_age=60)

    assert (elsewhere.verified, here.verified) == (Verified.UNKNOWN, Verified.TRUE)
