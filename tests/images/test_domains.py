"""Whose wish counts for the proxy and the registry domain."""

from typing import Any

import pytest

from kotsapp.images.domains import CustomDomains, is_domain, resolve_domains
from kotsapp.images.routing import Domains

WISHES: dict[str, Any] = {
    "spec": CustomDomains("spec.example.com"),
    "release": CustomDomains("channel.example.com"),
    "application": CustomDomains("application.example.com"),
    "license_proxy": "license.example.com",
}


def test_the_most_specific_wish_counts() -> None:
    wishes = dict(WISHES)
    for expected in ("spec.example.com", "channel.example.com", "application.example.com", "license.example.com"):
        assert resolve_domains(**wishes).proxy == expected
        del wishes[next(iter(wishes))]
    assert resolve_domains() == Domains("proxy.replicated.com", "registry.replicated.com")


def test_the_registry_has_wishes_of_its_own() -> None:
    assert resolve_domains(**WISHES).registry == "registry.replicated.com"
    application = CustomDomains(registry="a.example.com")
    assert resolve_domains(application=application) == Domains(registry="a.example.com")
    wishes = {"application": application, "release": CustomDomains(registry="c.example.com")}
    assert resolve_domains(**wishes).registry == "c.example.com"
    assert resolve_domains(CustomDomains(registry="s.example.com"), **wishes).registry == "s.example.com"


def test_whoever_named_a_proxy_may_have_written_it_out() -> None:
    assert resolve_domains(**WISHES).named == ("channel.example.com", "application.example.com", "license.example.com")


def test_an_empty_wish_is_none() -> None:
    empty = CustomDomains("", "")
    assert resolve_domains(empty, empty, empty, "license.example.com").proxy == "license.example.com"


@pytest.mark.parametrize("text", ["proxy.example.com", "localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000"])
def test_a_host_is_a_domain(text: str) -> None:
    assert is_domain(text)


@pytest.mark.parametrize(
    "text", ["", "proxy", "https://proxy.example.com", "proxy.example.com/", "a b.c", "a.b/c", "a.b@x"]
)
def test_what_can_not_stand_before_an_image_is_none(text: str) -> None:
    assert not is_domain(text)
