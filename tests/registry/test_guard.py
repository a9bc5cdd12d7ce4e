"""Addresses that must not be asked, in every spelling."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.certificates import Authority
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.registry.guard import Destination, Guard, Refused, forbidden

FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "::ffff:0:127.0.0.1",
]
PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd00::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_never(address: str) -> None:
    assert forbidden(address, allow_private=True)
    assert forbidden(address, allow_private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_unless_denied(address: str) -> None:
    assert forbidden(address, allow_private=True) is None
    assert forbidden(address, allow_private=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet(address: str) -> None:
    assert forbidden(address, allow_private=False) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    plain = forbidden(str(address), allow_private=False)

    for wrapped in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert (forbidden(wrapped, allow_private=False) is None) == (plain is None)


def guard(*entries: dict[str, object]) -> Guard:
    return Guard(Registries.read({"registries": list(entries)}, "test"))


def asked(of: Guard, host: str = "registry.example.invalid") -> Destination:
    return of.registry(parse(f"{host}/team/app:1"))


@pytest.mark.parametrize("port", ["", ":443"])
def test_a_host_has_its_own_name_with_the_schemes_port_and_without(port: str) -> None:
    some = guard()

    assert some.realm(f"https://auth.example.invalid{port}/token", asked(some)).name == "auth.example.invalid"
    assert some.redirect(f"https://cdn.example.invalid{port}/blob", asked(some)).name == "cdn.example.invalid"


def test_a_token_service_is_where_the_file_says() -> None:
    some = guard({"host": "auth.example.invalid", "endpoint": "http://127.0.0.1:5001"})

    realm = some.realm("https://auth.example.invalid/token?service=x", asked(some))

    assert str(realm.url) == "http://127.0.0.1:5001/token?service=x"
    assert (realm.name, realm.trusted, realm.is_mapped) == ("auth.example.invalid", True, True)


@pytest.fixture
def ca(tmp_path: Path) -> str:
    return str(Authority.create(tmp_path).file)


@pytest.mark.parametrize("endpoint", [{}, {"endpoint": "https://registry.example.invalid"}])
def test_a_hosts_own_realm_and_redirects_are_checked_as_the_host_is(ca: str, endpoint: dict[str, object]) -> None:
    some = guard({"host": "registry.example.invalid", "caFile": ca, "insecureSkipVerify": True, **endpoint})

    for there in (
        some.realm("https://registry.example.invalid/token", asked(some)),
        some.redirect("https://registry.example.invalid/elsewhere", asked(some)),
    ):
        assert (there.tls.ca_file, there.tls.insecure_skip_verify) == (ca, True)


@pytest.mark.parametrize("endpoint", [{}, {"endpoint": "https://registry.example.invalid"}])
def test_another_hosts_certificate_is_always_checked_unless_its_own_entry_says_otherwise(
    ca: str, endpoint: dict[str, object]
) -> None:
    own = {"host": "lax.example.invalid", "insecureSkipVerify": True}
    some = guard({"host": "registry.example.invalid", "caFile": ca, "insecureSkipVerify": True, **endpoint}, own)

    there = some.realm("https://auth.example.invalid/token", asked(some)).tls
    assert (there.ca_file, there.insecure_skip_verify) == (ca, False)
    lax = some.redirect("https://lax.example.invalid/blob", asked(some)).tls
    assert (lax.ca_file, lax.insecure_skip_verify) == (None, True)


URL_PARTS = [
    "https://",
    "http://",
    "//",
    "[",
    "]",
    "@",
    ":",
    "a",
    ".",
    "/",
    "?",
    "#",
    "%41",
    "xn--",
    "::1",
    "65536",
    "-1",
]


@given(st.lists(st.sampled_from(URL_PARTS) | st.text(max_size=3), max_size=8).map("".join))
def test_any_text_is_judged(text: str) -> None:
    guard = Guard(Registries.empty())
    asked = guard.registry(parse("quay.io/x/y:1"))
    for judge in (guard.realm, guard.redirect):
        try:
            destination = judge(text, asked)
        except Refused:
            continue
        assert destination.url.scheme == "https"
        assert destination.name


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "169.254.43518", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.000.0.1", "1.1", "16843009"],
)
def test_addresses_in_a_form_that_only_a_proxy_would_resolve_are_refused(host: str) -> None:
    """Behind HTTPS_PROXY no address is seen here: the proxy connects to what inet_aton makes of the name."""
    guard = Guard(Registries.empty())
    asked = guard.registry(parse("quay.io/a/b:1"))

    with pytest.raises(Refused, match=r"an IP address in another form"):
        guard.redirect(f"https://{host}/x", asked)


@pytest.mark.parametrize("host", ["1.1.1.1", "quay.io", "1a.example", "0x7f.example.com", "127.1.example"])
def test_other_names_are_none(host: str) -> None:
    guard = Guard(Registries.empty())

    assert guard.redirect(f"https://{host}/x", guard.registry(parse("quay.io/a/b:1"))).url.host == host
