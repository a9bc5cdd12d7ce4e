"""Addresses that must not be asked, in every spelling."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.registry.guard import forbidden

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
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::169.254.169.254",
]
PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1"]
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
