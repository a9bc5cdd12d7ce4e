"""Images, realms and redirects lead into no network of ours."""

import pytest

from harness.certificates import Authority
from harness.hostile import HostileRegistry, redirects
from harness.hostile_answers import BEHAVIOURS
from harness.outside import HOST, OUTSIDE
from harness.outside_registries import bearer, outside, probe
from kotsapp.images.reference import parse
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict


@pytest.mark.parametrize(
    "image",
    [
        "localhost:{port}/ok/x:1",
        "127.0.0.1:{port}/ok/x:1",
        "[::1]:{port}/ok/x:1",
        "[::ffff:127.0.0.1]:{port}/ok/x:1",
        "0.0.0.0:{port}/ok/x:1",
        "127.1:{port}/ok/x:1",
        "2130706433.:{port}/ok/x:1",
        "169.254.169.254/ok/x:1",
        "metadata.google.internal/ok/x:1",
    ],
)
async def test_an_image_can_not_name_our_own_network(image: str, inside: HostileRegistry) -> None:
    try:
        reference = parse(image.format(port=inside.port))
    except ValueError:
        return  # not even a reference
    async with Prober() as prober:
        result = await prober.probe(reference, timeout=2, max_age=60)

    assert result.verdict is Verdict.UNREACHABLE
    assert "is not asked" in result.message or "can't be reached" in result.message
    assert inside.connections == 0


LED_ASTRAY = [
    "http://127.0.0.1:{port}/token",
    "https://127.0.0.1:{port}/token",
    "https://localhost:{port}/token",
    "https://sub.localhost:{port}/token",
    "https://[::1]:{port}/token",
    "https://[::ffff:127.0.0.1]:{port}/token",
    "https://[::ffff:7f00:1]:{port}/token",
    "https://[::127.0.0.1]:{port}/token",
    "https://[2002:7f00:1::]:{port}/token",
    "https://[64:ff9b::7f00:1]:{port}/token",
    "https://0.0.0.0:{port}/token",
    "https://2130706433:{port}/token",
    "https://0x7f.1:{port}/token",
    "https://127.1:{port}/token",
    "https://169.254.169.254/latest/meta-data",
    "https://100.100.100.200/latest/meta-data",
    "https://[fd00:ec2::254]/latest/meta-data",
    "https://metadata.google.internal/",
    "https://user:password@127.0.0.1:{port}/",
    "https://inside.example.invalid:{port}/token",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "//127.0.0.1:{port}/token",
]
INSIDE_NAMES = {"inside.example.invalid": ["127.0.0.1"], "sub.localhost": ["127.0.0.1"], "localhost": ["127.0.0.1"]}


@pytest.mark.usefixtures("trusted_ca")
@pytest.mark.parametrize("where", LED_ASTRAY)
async def test_a_realm_does_not_lead_inside(where: str, inside: HostileRegistry, authority: Authority) -> None:
    behaviours = {"x": bearer(where.format(port=inside.port))}
    async with outside(behaviours, authority.server(HOST), INSIDE_NAMES) as (server, prober):
        result = await probe(prober, server, "x")

    assert inside.connections == 0
    assert result.verdict in {Verdict.PRIVATE, Verdict.UNREACHABLE}
    assert len(server.requests) == 1


@pytest.mark.usefixtures("trusted_ca")
@pytest.mark.parametrize("where", LED_ASTRAY)
async def test_a_redirect_does_not_lead_inside(where: str, inside: HostileRegistry, authority: Authority) -> None:
    behaviours = {"x": redirects(where.format(port=inside.port))}
    async with outside(behaviours, authority.server(HOST), INSIDE_NAMES) as (server, prober):
        result = await probe(prober, server, "x")

    assert inside.connections == 0
    assert result.verdict is Verdict.UNREACHABLE
    assert len(server.requests) == 1


@pytest.mark.usefixtures("trusted_ca")
async def test_the_address_that_is_checked_is_the_address_connected_to(
    inside: HostileRegistry, authority: Authority
) -> None:
    """A name that resolves to a public address at first and to loopback for the next connection."""
    names = {"rebinding.example.invalid": [OUTSIDE, "127.0.0.1"]}
    tls = authority.server("rebinding.example.invalid")
    async with outside({**BEHAVIOURS}, tls, names) as (server, prober):
        first = await prober.probe(
            parse(f"rebinding.example.invalid:{server.port}/http10/x:1"), timeout=2, max_age=0, refresh=True
        )
        again = await prober.probe(
            parse(f"rebinding.example.invalid:{inside.port}/http10/x:1"), timeout=2, max_age=0, refresh=True
        )

    assert first.verdict is Verdict.PUBLIC
    assert again.verdict is Verdict.UNREACHABLE
    assert "loopback" in again.message
    assert inside.connections == 0
