"""Whose wish counts for the proxy and the registry domain."""

import pytest

from kotsapp.images.routing import Domains
from kotsapp.license.domains import is_domain, resolve_domains

WISHES = {
    "spec_proxy": "spec.example.com",
    "release_proxy": "channel.example.com",
    "application_proxy": "application.example.com",
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
    assert resolve_domains(application_registry="a.example.com") == Domains(registry="a.example.com")
    wishes = {"application_registry": "a.example.com", "release_registry": "c.example.com"}
    assert resolve_domains(**wishes).registry == "c.example.com"
    assert resolve_domains(**wishes, spec_registry="s.example.com").registry == "s.example.com"


def test_whoever_named_a_proxy_may_have_written_it_out() -> None:
    assert resolve_domains(**WISHES).named == ("channel.example.com", "application.example.com", "license.example.com")


def test_an_empty_wish_is_none() -> None:
    assert resolve_domains(spec_proxy="", application_proxy="", license_proxy="license.example.com").proxy == (
        "license.example.com"
    )


@pytest.mark.parametrize("text", ["proxy.example.com", "localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000"])
def test_a_host_is_a_domain(text: str) -> None:
    assert is_domain(text)


@pytest.mark.parametrize(
    "text", ["", "proxy", "https://proxy.example.com", "proxy.example.com/", "a b.c", "a.b/c", "a.b@x"]
)
def test_what_can_not_stand_before_an_image_is_none(text: str) -> None:
    assert not is_domain(text)
